# syntax=docker/dockerfile:1
# The production image: the app's sources without their types, and its production packages.
#
# Every RUN uses the builder's own CPU architecture, and no package contains a binary. An image for ARM is therefore built on x86
# without emulation.
FROM --platform=$BUILDPLATFORM node:26.10.0-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts

# The certificate authorities of RDS, which Node does not include. Amazon extends the file with every new region, so a checksum would
# break builds for no reason. TLS authenticates the sender; the script checks that the file is the list of authorities, not a proxy's page.
FROM --platform=$BUILDPLATFORM node:26.10.0-slim AS authorities
WORKDIR /authorities
ADD --chmod=444 https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem rds-authorities.pem
RUN node --input-type=module <<'END'
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
const blocks = readFileSync('rds-authorities.pem', 'utf8').match(/-----BEGIN CERTIFICATE-----[^-]*(-----END CERTIFICATE-----)?/g) ?? [];
const authorities = blocks.map((block) => new X509Certificate(block));
const isOfRds = ({ ca, subject }) => ca && /^OU=Amazon RDS$/m.test(subject);
const isRoot = (authority) => /^CN=Amazon RDS .+ Root CA RSA2048 G1$/m.test(authority.subject) && authority.verify(authority.publicKey);
const isGood = (authority) => isRoot(authority) && Date.parse(authority.validTo) > Date.now();
if (!authorities.every(isOfRds) || !authorities.some(isGood)) throw new Error('The downloaded file is not the list of RDS certificate authorities. Check whether a proxy replaces it.');
END

# Node could strip the types at each start, but its compiler stays in memory. Positions in the files do not change.
FROM --platform=$BUILDPLATFORM node:26.10.0-slim AS sources
WORKDIR /app
COPY app app
RUN node --input-type=module <<'END'
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
for (const file of globSync('app/**/*.ts')) writeFileSync(file, stripTypeScriptTypes(readFileSync(file, 'utf8')));
END

FROM node:26.10.0-slim
ENV NODE_ENV=production
ENV NODE_OPTIONS=--import=./app/load-stripped.mjs
WORKDIR /app
COPY --from=authorities /authorities/rds-authorities.pem rds-authorities.pem
COPY package.json ./
COPY --from=packages /app/node_modules node_modules
COPY --from=sources /app/app app
# The only writable folder. Declared as a volume, so that it keeps its permissions when the task mounts one there.
VOLUME /tmp
USER node
EXPOSE 4444
CMD ["node", "app/cli.ts", "serve"]
