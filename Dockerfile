# syntax=docker/dockerfile:1
# The exporter alone: no pip, compiler, lab, demo or tests. It runs with a read-only file system:
#
#   docker build --tag outbox-exporter .
#   docker run --read-only --publish 9721:9721 --volume ./config.yaml:/config.yaml:ro \
#       --env OUTBOX_EXPORTER_CONFIG=/config.yaml outbox-exporter

FROM python:3.13-slim AS builder
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY . .
# The published wheel contains the lab; the image does not need it.
# Binary wheels only: a dependency that needs a compiler fails here.
# Bytecode is not compared with its source (unchecked-hash), because the running container cannot write a new one; it has
# no docstrings (-o 2, PYTHONOPTIMIZE), which take 3 MiB of memory.
RUN rm -r exporter/lab exporter/demo.py \
    && pip wheel --no-deps --wheel-dir /wheels . \
    && python -m venv --without-pip /opt/outbox-exporter \
    && pip --python /opt/outbox-exporter/bin/python install --only-binary :all: --no-compile /wheels/*.whl \
    && /opt/outbox-exporter/bin/python -m compileall -q -o 2 --invalidation-mode unchecked-hash /opt/outbox-exporter/lib \
    && install exporter/app/healthcheck.bash /opt/outbox-exporter/bin/outbox-exporter-healthcheck

FROM python:3.13-slim
LABEL org.opencontainers.image.title="outbox-exporter" \
      org.opencontainers.image.description="Prometheus exporter for a transactional outbox in PostgreSQL" \
      org.opencontainers.image.licenses="MIT"
# Nothing is installed into a running container.
RUN pip uninstall --yes --root-user-action=ignore pip
COPY --from=builder /opt/outbox-exporter /opt/outbox-exporter
ENV PATH=/opt/outbox-exporter/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONOPTIMIZE=2
# The base image has no bytecode of the standard library: the modules in use are compiled here.
RUN PYTHONDONTWRITEBYTECODE='' python -c "import exporter.__main__, exporter.app.run"
# A number, so that Kubernetes can check that it is not root (runAsNonRoot).
USER 65532:65532
WORKDIR /
EXPOSE 9721
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["outbox-exporter-healthcheck"]
ENTRYPOINT ["outbox-exporter"]
CMD ["serve"]
