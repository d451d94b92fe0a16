#!/bin/bash
# The image's HEALTHCHECK: requests /-/healthy from the exporter of this container. Exit status: 0 alive, 1 not.
#
# It neither starts Python nor reads the configuration: the exporter publishes its address (exporter/web/address.py), so
# that the address is right for every configuration: another port, IPv6, one interface, `serve --config`, and a file
# that has become wrong since the exporter read it.
#
# Orchestrators restart on 1, so only no answer and 5xx count as that. A refusal proves that the exporter is alive: 401
# without a password, 429 under a rate limit. A server with TLS closes the connection, because the request is no
# handshake. That is an answer as well: the kernel accepts connections by itself, but only the event loop closes them.
#
# Argument: the process id of the exporter (default: any process of this container).
set -u

# Seconds; shorter than the HEALTHCHECK's own timeout (5 s), so that the reason is printed.
readonly TIMEOUT=4

fail() {
    echo "$1" >&2
    exit 1
}

published=$(find /proc/${1:-[0-9]*}/fd -lname '/memfd:outbox-exporter *' -printf '%l' -quit 2>/dev/null)
# Without one, because no exporter runs or the kernel refuses such files, the usual address is tried.
read -r _ address _ <<<"${published:-none ${OUTBOX_EXPORTER_WEB_LISTEN:-127.0.0.1:9721}}"
host=${address%:*} port=${address##*:}
host=${host//[\[\]]/}
# A wildcard address is reached by loopback; [::] accepts IPv4 as well.
[[ $host == 0.0.0.0 || $host == :: || ! $host ]] && host=127.0.0.1

exec 3<>"/dev/tcp/$host/$port" || exit 1
# A server with TLS may close the connection before the request is complete.
trap '' PIPE
printf 'GET /-/healthy HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3 2>/dev/null
read -r -t "$TIMEOUT" -u 3 _ status _
(($? <= 128)) || fail "$address: no answer within $TIMEOUT s"
[[ $status != 5?? ]] || fail "$address: HTTP $status"
