# Ingest, the replicator and the API: one image, the command says which. docker-compose.yml uses it.
FROM node:22.20.0-bookworm-slim

ENV NODE_ENV=production
WORKDIR /app

# tsx needs esbuild's package for this platform, which is an optional one; the emulator beside it is not needed.
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
  && rm -rf node_modules/@dynoxide \
  && npm cache clean --force

COPY tsconfig.json ./
COPY runtime runtime
COPY clickhouse clickhouse
COPY ingest ingest
COPY replicator replicator
COPY dashboards dashboards
COPY api api
COPY local local

USER node
CMD ["node", "--import", "tsx", "ingest/main.ts"]
