#!/usr/bin/env bash
# image.sh build | run | push: the test app's image by hand (`make buildc runc push`); image.sh scaletop: the one of scaletop
# itself (`make image`).
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

case ${1:-} in
build)
  build_image "$image_name:${TAG:-local}"
  ;;
run)
  # As strict as the cloud is: no root, nothing to write to, no capability.
  builder=$(engine)
  exec "$builder" run --rm --platform linux/amd64 --read-only --cap-drop ALL --publish "127.0.0.1:${PORT:-8080}:8080" \
    --env "DELAY_MS=${DELAY_MS:-80}" "$image_name:${TAG:-local}"
  ;;
push)
  need terraform 'https://developer.hashicorp.com/terraform/install'
  aws_ready
  read_registry
  [ -n "$repository_url" ] || die 'there is no registry yet; make infra makes one'
  tag=${TAG:-$(source_tag)}
  push_image "$tag"
  echo "$repository_url:$tag"
  echo "deploy it: make infra TAG=$tag"
  ;;
scaletop)
  builder=$(engine)
  # shellcheck disable=SC2154 # lib.sh says where the repository is
  exec "$builder" build ${PLATFORM:+--platform "$PLATFORM"} --file "$repository_root/Dockerfile.scaletop" --tag "scaletop:${TAG:-local}" "$repository_root"
  ;;
*) die 'usage: image.sh build | run | push | scaletop' ;;
esac
