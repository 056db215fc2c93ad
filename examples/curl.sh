#!/bin/sh
# Talking to an agent with nothing but curl.
#
#   HOLDFAST_TOKEN=$(cat ~/.holdfast/admin-token) sh examples/curl.sh
set -eu

url=${HOLDFAST_URL:-http://127.0.0.1:7400}
agent=${HOLDFAST_AGENT:-demo/greeter}
api="$url/api/v1/orgs/${agent%%/*}/agents/${agent##*/}/conversations/curl-example"
: "${HOLDFAST_TOKEN:?Set HOLDFAST_TOKEN}"

# The token goes to curl through its configuration, so that no process list shows it.
call() {
  printf 'header = "Authorization: Bearer %s"\n' "$HOLDFAST_TOKEN" |
    curl --config - --silent --show-error --fail-with-body "$@"
  echo
}

echo "Accepted: 202 and an id, once the message is durable. The same key takes effect once."
call -X POST "$api/messages" -H 'content-type: application/json' \
  -H "idempotency-key: curl-example-$$" -d '{"text": "Hello from curl."}'

echo "The same message again, and this time its answer:"
call -X POST "$api/messages" -H 'content-type: application/json' -H 'prefer: wait=60' \
  -H "idempotency-key: curl-example-$$" -d '{"text": "Hello from curl."}'

echo "The conversation so far:"
call "$api/messages?after=-1&limit=20"
