#!/bin/sh
# Makes a self-signed certificate in the folder given, unless one is there: nginx does not start without.
# PUBLIC_URL names the host that it is for, beside localhost.
set -eu
umask 077
cd "$1"

if [ -e fullchain.pem ] && [ -e privkey.pem ]; then
    exit 0
fi
for file in fullchain.pem privkey.pem; do
    if [ -e "$file" ]; then
        echo "nginx/certs holds $file but not the other of fullchain.pem and privkey.pem: add it, or remove this one." >&2
        exit 1
    fi
done

host=${PUBLIC_URL:-https://localhost}
host=${host#*://}
host=${host%%[/?#]*}
host=${host##*@}
case $host in
    "["*) host=${host#"["} host=${host%%]*} ;; # an IPv6 address
    *) host=${host%%:*} ;;
esac
case $host in
    *:*) name=IP:$host ;;
    *[!0-9.]*) name=DNS:$host ;;
    *) name=IP:$host ;;
esac
if ! said=$(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -sha256 -days 365 \
    -subj "/O=TaskFlow, self-signed" -addext "subjectAltName=DNS:localhost,$name" \
    -keyout privkey.new -out fullchain.new 2>&1); then
    rm -f privkey.new fullchain.new
    echo "PUBLIC_URL names $host, for which openssl makes no certificate: $said" >&2
    exit 1
fi
# Whoever owns the folder can replace them.
chown --reference=. privkey.new fullchain.new
chmod 644 fullchain.new
mv privkey.new privkey.pem
mv fullchain.new fullchain.pem
echo "Made a self-signed certificate in nginx/certs, which browsers warn of. docs/deployment.md: TLS."
