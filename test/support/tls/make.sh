#!/usr/bin/env bash
# Created key.pem and the certificates of localhost and db.example for the TLS tests. They are committed because not every machine has openssl.
# Each is self-signed, so trusting one does not mean trusting the other. They are valid from 2020 to 2120. The key is used nowhere else.
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
