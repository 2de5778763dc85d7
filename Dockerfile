# syntax=docker/dockerfile:1
# What production runs: the app as it is, since Node strips its types, and the packages that it needs there.
FROM node:26.10.0-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts

FROM node:26.10.0-slim
ENV NODE_ENV=production
WORKDIR /app
# The authorities that sign the certificates of RDS's databases; Node does not know them.
ADD --chmod=444 https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem rds-authorities.pem
COPY package.json ./
COPY --from=packages /app/node_modules node_modules
COPY app app
# The one folder that can be written. As a volume it keeps its permissions when the task mounts one there.
VOLUME /tmp
USER node
EXPOSE 4444
CMD ["node", "app/cli.ts", "serve"]
