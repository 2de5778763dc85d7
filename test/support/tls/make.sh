#!/usr/bin/env bash
# Made key.pem and the certificates of localhost and db.example, which the tests of TLS use: once, since not every machine has openssl.
# Each vouches for itself, so that to trust one is not to trust the other. They hold from 2020 to 2120. The key opens nothing anywhere.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

openssl ecparam -name prime256v1 -genkey -noout -out key.pem
for host in localhost db.example; do
  touch "$work/index.txt"
  cat > "$work/ca.cnf" <<CNF
[ca]
database = $work/index.txt
new_certs_dir = $work
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = extensions
unique_subject = no
[any]
commonName = supplied
[extensions]
basicConstraints = critical, CA:true
subjectAltName = DNS:$host
CNF
  openssl req -new -key key.pem -subj "/CN=$host" -out "$work/request.pem"
  openssl ca -batch -selfsign -notext -name ca -config "$work/ca.cnf" -keyfile key.pem -in "$work/request.pem" -out "$host.pem" \
    -startdate 20200101000000Z -enddate 21200101000000Z
done
