# syntax=docker/dockerfile:1
# The exporter alone: no pip, compiler, lab, demo or tests. It runs with a read-only file system:
#
#   docker build --tag outbox-exporter .
#   docker run --read-only --publish 9721:9721 --volume ./config.yaml:/config.yaml:ro \
#       --volume outbox-state:/state --env OUTBOX_EXPORTER_CONFIG=/config.yaml outbox-exporter
#
# The base image is pinned by the digest of its multi-platform index; Dependabot updates it.

FROM python:3.13-slim-trixie@sha256:70729b46c69b4f1e97c4822c1af3df53a1476cf5ddc6c087c0c10bc3a5678c2f AS builder
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY . .
# Dependencies are the locked ones, with verified hashes, as binary wheels: one that needs a compiler fails here.
# The published wheel contains the lab; the image does not need it.
# Bytecode is not compared with its source (unchecked-hash), because the running container cannot write a new one; it has
# no docstrings (-o 2, PYTHONOPTIMIZE), which take 3 MiB of memory.
RUN python -m venv --without-pip /opt/outbox-exporter \
    && pip install --require-hashes --only-binary :all: --requirement requirements/build.txt \
    && pip --python /opt/outbox-exporter/bin/python install --require-hashes --only-binary :all: --no-compile \
        --requirement requirements/run.txt \
    && rm -r exporter/lab exporter/demo \
    && pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && pip --python /opt/outbox-exporter/bin/python install --no-deps --no-compile /wheels/*.whl \
    && pip --python /opt/outbox-exporter/bin/python check \
    && python -m compileall -q -o 2 --invalidation-mode unchecked-hash /opt/outbox-exporter/lib \
    && install exporter/app/healthcheck.bash /opt/outbox-exporter/bin/outbox-exporter-healthcheck
# The software bill of materials (CycloneDX) and the notices of third parties.
WORKDIR /opt/outbox-exporter/share/doc/outbox-exporter
RUN cyclonedx-py environment --output-reproducible --pyproject /build/pyproject.toml --output-file /build/sbom.json \
        /opt/outbox-exporter/bin/python \
    && python /build/tools/third_party.py sbom /opt/outbox-exporter/lib/python*/site-packages \
        < /build/sbom.json > sbom.cdx.json \
    && python /build/tools/third_party.py notices /opt/outbox-exporter/lib/python*/site-packages \
        > THIRD-PARTY-NOTICES.txt

FROM python:3.13-slim-trixie@sha256:70729b46c69b4f1e97c4822c1af3df53a1476cf5ddc6c087c0c10bc3a5678c2f
LABEL org.opencontainers.image.title="outbox-exporter" \
      org.opencontainers.image.description="Prometheus exporter for a transactional outbox in PostgreSQL" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.source="https://github.com/outbox-exporter/outbox-exporter" \
      org.opencontainers.image.url="https://github.com/outbox-exporter/outbox-exporter" \
      org.opencontainers.image.documentation="https://github.com/outbox-exporter/outbox-exporter/tree/main/docs" \
      org.opencontainers.image.vendor="the outbox-exporter authors" \
      org.opencontainers.image.base.name="docker.io/library/python:3.13-slim-trixie"
# Nothing is installed into a running container.
RUN pip uninstall --yes --root-user-action=ignore pip
COPY --from=builder /opt/outbox-exporter /opt/outbox-exporter
ENV PATH=/opt/outbox-exporter/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONOPTIMIZE=2
# The base image has no bytecode of the standard library: the modules in use are compiled here.
RUN PYTHONDONTWRITEBYTECODE='' python -c "import exporter.__main__, exporter.app.run"
# For what has to survive a restart: the default of watch.state_dir, seen from the working directory.
RUN mkdir /state && chown 65532:65532 /state
VOLUME /state
# A number, so that Kubernetes can check that it is not root (runAsNonRoot).
USER 65532:65532
WORKDIR /
EXPOSE 9721
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["outbox-exporter-healthcheck"]
ENTRYPOINT ["outbox-exporter"]
CMD ["serve"]
