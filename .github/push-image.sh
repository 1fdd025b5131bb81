#!/usr/bin/env bash
# Builds and pushes the image of a run, unless its tag is taken: tags are immutable, and a run can be started again.
# REGISTRY, ECR_REPOSITORY, AWS_REGION and TAG say where; whoever calls it has logged in. Its rights: infra/modules/ci_credentials.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/../infra/scripts/lib.sh"

for name in REGISTRY ECR_REPOSITORY AWS_REGION TAG; do
  [ -n "${!name:-}" ] || die "$name is empty: set the repository's variables (.github/workflows/image.yml says which)"
done
# shellcheck disable=SC2034,SC2153
region=$AWS_REGION image_region=$AWS_REGION registry=${REGISTRY%%.*} repository=$ECR_REPOSITORY repository_url=$REGISTRY/$ECR_REPOSITORY
push_image "$TAG"
echo "\`$repository_url:$TAG\` is there; deploy it with \`make infra TAG=$TAG\`" >>"${GITHUB_STEP_SUMMARY:-/dev/stdout}"
