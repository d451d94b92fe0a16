# The lab of compose.yaml, without the exporter. Not for production.
FROM python:3.13-slim-trixie@sha256:70729b46c69b4f1e97c4822c1af3df53a1476cf5ddc6c087c0c10bc3a5678c2f
COPY . /src
# PostgreSQL refuses to run as root, and needs a user with a name.
RUN pip install --no-cache-dir '/src[demo]' \
    && rm -r /src \
    && useradd --create-home --uid 65532 lab
USER 65532
STOPSIGNAL SIGTERM
