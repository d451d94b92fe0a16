# What compose.yaml watches: the lab alone. Not for production, where there is an outbox already.
FROM python:3.13-slim
COPY . /src
# PostgreSQL refuses to run as root, and wants a user that has a name.
RUN pip install --no-cache-dir '/src[demo]' \
    && rm -r /src \
    && useradd --create-home --uid 65532 lab
USER 65532
STOPSIGNAL SIGTERM
