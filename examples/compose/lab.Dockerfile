# The lab of compose.yaml, without the exporter. Not for production.
FROM python:3.13-slim
COPY . /src
# PostgreSQL refuses to run as root, and needs a user with a name.
RUN pip install --no-cache-dir '/src[demo]' \
    && rm -r /src \
    && useradd --create-home --uid 65532 lab
USER 65532
STOPSIGNAL SIGTERM
