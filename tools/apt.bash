# shellcheck shell=bash
# apt_install PACKAGE...: installs Debian packages for tests: no service is started, now or at the next boot, and
# PostgreSQL creates no cluster. Fails with a message where apt may not be used.

apt_install() {
    local root=()
    if ! command -v apt-get >/dev/null; then
        echo "There is no apt here to install $*." >&2
        return 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if ! sudo -n true 2>/dev/null; then
            echo "Installing needs root, or sudo without a password: apt-get install $*" >&2
            return 1
        fi
        root=(sudo -n)
    fi
    echo "Installing system packages: $*"
    "${root[@]}" bash -s -- "$@" <<'SCRIPT'
set -euo pipefail
log=$(mktemp)
undo=("$log")
trap 'rm -f "${undo[@]}"' EXIT

# Debian's switch against starting services on installation. An existing one is kept.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    undo+=("$policy")
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
# Read when a server is installed for the first time; existing clusters are not changed.
cluster=/etc/postgresql-common/createcluster.d/outbox-exporter.conf
mkdir -p "${cluster%/*}"
undo+=("$cluster")
echo 'create_main_cluster = false' >"$cluster"

services_before=$(ls /etc/systemd/system/*.wants 2>/dev/null || true)
export DEBIAN_FRONTEND=noninteractive
# An unreachable source among several may not matter: the installation decides.
if ! { apt-get update || true; apt-get install --yes --no-install-recommends "$@"; } >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    exit 1
fi
# New services are not started at boot either; existing ones are not changed.
if command -v systemctl >/dev/null; then
    for service in postgresql pgbouncer prometheus prometheus-node-exporter prometheus-alertmanager; do
        if [[ $services_before != *"$service.service"* ]]; then
            systemctl disable "$service.service" >>"$log" 2>&1 || true
        fi
    done
fi
SCRIPT
}
