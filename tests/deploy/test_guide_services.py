"""The deployment guide's facts about the services, nginx and the monitoring, as test_guide.py says."""

import re
from typing import Any

import pytest

from tests.deploy.guide import DEPLOYMENT, departs
from tests.harness.client import Api
from tests.harness.documents import read_yaml
from tests.harness.people import Person
from tests.harness.stores import REPOSITORY

COMPOSE = read_yaml(REPOSITORY / "docker-compose.yml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
NGINX = (REPOSITORY / "nginx/nginx.conf").read_text()
LISTEN = (REPOSITORY / "nginx/taskflow/listen.conf").read_text()
LISTEN_REDIRECT = (REPOSITORY / "nginx/taskflow/listen-redirect.conf").read_text()
PROMETHEUS = read_yaml(REPOSITORY / "monitoring/prometheus.yml")

# Docker Compose


def test_compose_file() -> None:
    departs('`version: "3.9"`')
    assert "version" not in COMPOSE
    assert {"app", "db", "redis", "nginx", "prometheus", "grafana"} <= set(SERVICES)
    assert set(COMPOSE["volumes"]) == {"pgdata", "redisdata", "promdata", "grafanadata"}


@pytest.mark.parametrize(
    ("service", "image"),
    [
        ("app", "taskflow/api:latest"),
        ("db", "postgres:15-alpine"),
        ("redis", "redis:7-alpine"),
        ("nginx", "nginx:1.25-alpine"),
        ("prometheus", "prom/prometheus:latest"),
        ("grafana", "grafana/grafana:latest"),
    ],
)
def test_images(service: str, image: str) -> None:
    assert SERVICES[service]["image"] == image
    assert SERVICES[service]["restart"] == "unless-stopped"


def test_app_service() -> None:
    app = SERVICES["app"]
    assert app["build"] == {"context": ".", "dockerfile": "Dockerfile"}
    assert app["environment"]["NODE_ENV"] == "production"
    assert app["environment"]["REDIS_URL"] == "${REDIS_URL:-redis://redis:6379}"
    assert app["environment"]["LOG_LEVEL"] == "${LOG_LEVEL:-info}"
    assert app["environment"]["JWT_SECRET"].startswith("${JWT_SECRET:?")
    assert app["depends_on"] == {
        "db": {"condition": "service_healthy"},
        "redis": {"condition": "service_started"},
    }
    departs("`app` publishes `${APP_PORT:-3000}:3000`")
    assert "ports" not in app
    assert "127.0.0.1:${APP_PORT:-3000}:3000" in SERVICES["nginx"]["ports"]
    departs("the password in `DATABASE_URL`")
    assert app["environment"]["DATABASE_URL"] == "${DATABASE_URL:-postgresql://db:5432}"
    assert {"DB_USER", "DB_PASSWORD", "DB_NAME"} <= set(app["environment"])


def test_app_health_check() -> None:
    check = dict(SERVICES["app"]["healthcheck"])
    departs("`curl -f` as the health check")
    assert check.pop("test") == ["CMD", "taskflow", "health"]
    assert check == {"interval": "30s", "timeout": "10s", "retries": 3, "start_period": "40s"}


def test_db_service() -> None:
    db = SERVICES["db"]
    assert db["volumes"] == ["pgdata:/var/lib/postgresql/data"]
    assert set(db["environment"]) == {"POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"}
    assert db["environment"]["POSTGRES_PASSWORD"].startswith("${DB_PASSWORD:?")
    assert db["healthcheck"] == {
        "test": ["CMD-SHELL", "pg_isready -U ${DB_USER:-taskflow} -d ${DB_NAME:-taskflow}"],
        "interval": "10s",
        "timeout": "5s",
        "retries": 5,
    }


def test_redis_service() -> None:
    assert SERVICES["redis"]["volumes"] == ["redisdata:/data"]


def test_nginx_service() -> None:
    nginx = SERVICES["nginx"]
    assert {"80:80", "443:443"} <= set(nginx["ports"])
    departs("nginx mounts two paths")
    assert set(nginx["volumes"]) == {
        "./nginx/nginx.conf:/etc/nginx/nginx.conf:ro",
        "./nginx/certs:/etc/nginx/certs:ro",
        "./nginx/taskflow:/etc/nginx/taskflow:ro",
        "./nginx/certbot:/etc/nginx/certbot:ro",
    }
    departs("nginx `depends_on` app")
    assert set(nginx["depends_on"]) == {"app", "certificate"}


# TLS


@pytest.mark.parametrize(
    "directive",
    [
        "ssl_protocols TLSv1.2 TLSv1.3;",
        "ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256;",
        "ssl_prefer_server_ciphers off;",
        "ssl_session_cache shared:SSL:10m;",
        "ssl_session_timeout 10m;",
        "return 301 https://$host$request_uri;",
        "add_header X-Content-Type-Options nosniff always;",
        "add_header X-Frame-Options DENY always;",
        "add_header Strict-Transport-Security $strict_transport_security always;",
        'on "max-age=63072000";',
        "proxy_set_header Host $host;",
        "proxy_set_header X-Real-IP $remote_addr;",
        "proxy_set_header X-Forwarded-Proto $scheme;",
        # Relative to /etc/nginx/nginx.conf.
        "ssl_certificate certs/fullchain.pem;",
        "ssl_certificate_key certs/privkey.pem;",
    ],
)
def test_nginx_conf(directive: str) -> None:
    assert re.search(rf"^\s*{re.escape(directive)}$", NGINX, re.MULTILINE)


def test_nginx_ports() -> None:
    assert re.search(r"^listen 80 ", LISTEN_REDIRECT, re.MULTILINE)
    assert re.search(r"^listen 443 ssl http2 ", LISTEN, re.MULTILINE)


def test_where_nginx_conf_departs() -> None:
    departs("`nginx.conf` without `events` and `http`")
    assert "\nevents {" in NGINX
    assert "\nhttp {" in NGINX
    departs("`upstream` with `server app:3000`")
    assert "proxy_pass http://$replicas;" in NGINX
    assert "default app:3000;" in (REPOSITORY / "nginx/taskflow/dns.conf").read_text()
    departs("`server_name taskflow.example.com`")
    assert set(re.findall(r"server_name (\S+);", NGINX)) == {"_"}
    departs("port 80 redirects everything")
    assert "location ^~ /.well-known/acme-challenge/" in NGINX
    departs("`X-Forwarded-For $proxy_add_x_forwarded_for`")
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in NGINX
    departs("all paths are passed on")
    assert "location ~* ^/metrics" in NGINX
    departs("no `Upgrade` header")
    assert "proxy_set_header Upgrade $upgrade;" in NGINX


# Monitoring


def test_prometheus_service() -> None:
    prometheus = SERVICES["prometheus"]
    assert {"./monitoring/prometheus.yml:/etc/prometheus/prometheus.yml:ro", "promdata:/prometheus"} <= set(
        prometheus["volumes"]
    )
    departs("`9090:9090`, `3001:3000`")
    assert prometheus["ports"] == ["127.0.0.1:9090:9090"]


def test_grafana_service() -> None:
    grafana = SERVICES["grafana"]
    assert "grafanadata:/var/lib/grafana" in grafana["volumes"]
    assert grafana["ports"] == ["127.0.0.1:3001:3000"]
    assert grafana["environment"]["GF_SECURITY_ADMIN_PASSWORD"] == "${GRAFANA_PASSWORD:-admin}"
    departs("the data source and dashboard are added by hand")
    provisioning = REPOSITORY / "monitoring/grafana/provisioning"
    [source] = read_yaml(provisioning / "datasources/prometheus.yml")["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    [provider] = read_yaml(provisioning / "dashboards/taskflow.yml")["providers"]
    mounted = f"./monitoring/grafana-dashboard.json:{provider['options']['path']}/taskflow.json:ro"
    assert mounted in grafana["volumes"]


def test_prometheus_configuration() -> None:
    assert PROMETHEUS["global"]["scrape_interval"] == "15s"
    assert PROMETHEUS["global"]["evaluation_interval"] == "15s"
    [scrape] = [one for one in PROMETHEUS["scrape_configs"] if one["job_name"] == "taskflow-api"]
    assert (scrape["metrics_path"], scrape["scrape_interval"]) == ("/metrics", "10s")
    departs("one static target `app:3000`")
    [discovery] = scrape["dns_sd_configs"]
    assert (discovery["names"], discovery["type"], discovery["port"]) == (["app"], "A", 3000)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("taskflow_http_requests_total", "counter"),
        ("taskflow_http_duration_seconds", "histogram"),
        ("taskflow_active_connections", "gauge"),
        ("taskflow_db_query_duration_seconds", "histogram"),
        ("taskflow_tasks_created_total", "counter"),
        ("taskflow_tasks_completed_total", "counter"),
    ],
)
async def test_metrics(api: Api, person: Person, name: str, kind: str) -> None:
    assert f"# TYPE {name} {kind}\n" in (await api.http.get("/metrics")).text
    assert f"| `{name}` | {kind} |" in DEPLOYMENT


async def test_requests_count_by_method_and_path(api: Api) -> None:
    await api.http.get("/health")
    text = (await api.http.get("/metrics")).text
    assert re.search(r'^taskflow_http_requests_total{method="GET",path="/health",', text, re.MULTILINE)
