# The image of TaskFlow's server. Needs nothing at run time but PostgreSQL and Redis; docs/deployment.md says how.
#
#   docker build --tag taskflow/api:latest .
#
# Any Debian with Python 3.11 or newer as `python3`, and its venv module, will do; pin one by its digest if you like.
ARG BASE_IMAGE=python:3.12-slim-bookworm

FROM ${BASE_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
WORKDIR /build
# Two environments: what builds the package stays behind, pip too.
RUN python3 -m venv tools && python3 -m venv --without-pip /opt/taskflow
COPY locks/build.txt locks/production.txt locks/
# Wheels alone, each by its hash: nothing is compiled, and nothing is installed that the locks do not name.
RUN tools/bin/pip install --require-hashes --no-deps --only-binary :all: --requirement locks/build.txt \
    && tools/bin/pip --python /opt/taskflow/bin/python3 install --require-hashes --no-deps --only-binary :all: \
        --requirement locks/production.txt
COPY pyproject.toml README.md ./
COPY app app
COPY migrations migrations
RUN tools/bin/hatchling build --target wheel \
    && tools/bin/pip --python /opt/taskflow/bin/python3 install --no-deps --no-index dist/taskflow-*.whl

FROM ${BASE_IMAGE}
RUN groupadd --gid 10001 taskflow \
    && useradd --uid 10001 --gid taskflow --no-create-home --shell /usr/sbin/nologin taskflow
COPY --from=build /opt/taskflow /opt/taskflow
ENV NODE_ENV=production PATH=/opt/taskflow/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /opt/taskflow
# By number, so that Kubernetes sees that it is not root.
USER 10001:10001
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --retries=3 --start-period=40s CMD ["taskflow", "health"]
# Without a shell in between, so that SIGTERM reaches the server. WORKERS sets the number of its processes.
CMD ["taskflow", "serve"]
