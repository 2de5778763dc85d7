# syntax=docker/dockerfile:1
# What production runs: the app as it is, since Node strips its types, and the packages that it needs there.
#
# What runs in a build runs on the builder's own kind of machine, and only its files go into the image, of whichever kind that is: none of
# the packages has a binary. So an image for ARM is built on x86 without emulation.
FROM --platform=$BUILDPLATFORM node:26.10.0-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts

# The authorities that sign the certificates of RDS's databases; Node does not know them. Amazon adds to the file with each new region, so
# a checksum would stop builds without a fault: TLS says who sent it, and this that it is the list of authorities, not some proxy's page.
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
if (!authorities.every(isOfRds) || !authorities.some(isGood)) throw new Error('this is not the list of RDS authorities');
END

FROM node:26.10.0-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=authorities /authorities/rds-authorities.pem rds-authorities.pem
COPY package.json ./
COPY --from=packages /app/node_modules node_modules
COPY app app
# The one folder that can be written. As a volume it keeps its permissions when the task mounts one there.
VOLUME /tmp
USER node
EXPOSE 4444
CMD ["node", "app/cli.ts", "serve"]
