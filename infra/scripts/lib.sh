# shellcheck shell=bash disable=SC2034,SC2154
# Shared by the scripts beside it; sourced, never run.

repository_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
infra_dir=$repository_root/infra
choices=$infra_dir/make.auto.tfvars
image_name=scaletop-test-app

say() { printf '\n== %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}
need() { command -v "$1" >/dev/null || die "$1 is not installed; $2"; }

tf() { terraform -chdir="$infra_dir" "$@"; }

# An output of the last apply, or nothing: before the first one, and where it is null. (Asked for by name in a state
# without any outputs, terraform prints a warning where the value belongs and exits 0; hence the look at the list.)
output() {
  local all
  all=$(tf output -json 2>/dev/null) || return 0
  ! grep -q "^  \"$1\": {" <<<"$all" || tf output -raw "$1"
}

# docker where its engine answers (the client alone builds nothing), else podman.
engine() {
  if [ -n "${ENGINE:-}" ]; then
    echo "$ENGINE"
  elif command -v docker >/dev/null && docker info >/dev/null 2>&1; then
    echo docker
  elif command -v podman >/dev/null; then
    echo podman
  else
    die 'neither a running docker engine nor podman was found; install one, or set ENGINE'
  fi
}

# The tag of what the image is made of: the same sources give the same tag, so a repeated `make infra` finds its image
# already there, and changed sources can never hide behind an old tag (the repository's tags are immutable).
source_tag() {
  cd "$repository_root" || return 1
  find Dockerfile Cargo.toml Cargo.lock test-app/Cargo.toml test-app/src -type f | LC_ALL=C sort |
    while IFS= read -r file; do printf '%s ' "$file" && git hash-object --no-filters "$file"; done |
    git hash-object --stdin | sed 's/^\(............\).*/src-\1/'
}

# Builds NAME:TAG. No attestations: they would turn the image into an index, which App Runner need not understand.
build_image() {
  local builder
  builder=$(engine)
  BUILDX_NO_DEFAULT_ATTESTATIONS=1 "$builder" build --platform linux/amd64 --tag "$1" "$repository_root"
}

# make's words become variables of every later plain `terraform apply` too: kept in a file, changed only when given.
remember() {
  local name=$1 value=$2
  touch "$choices"
  { grep -v -e "^$name *=" -e '^#' "$choices" || true; } >"$choices.new"
  { echo '# Written by make infra; delete a line to go back to its default.' && cat "$choices.new" && printf '%s = %s\n' "$name" "$value"; } >"$choices"
  rm "$choices.new"
}

# Forgets what `remember` wrote.
forget() {
  [ -f "$choices" ] || return 0
  { grep -v -e "^$1 *=" "$choices" || true; } >"$choices.new"
  mv "$choices.new" "$choices"
}

# GitHub's OIDC provider of this account, whoever made it; nothing without one.
oidc_address='module.ci_credentials.aws_iam_openid_connect_provider.github[0]'
oidc_provider_arn() {
  aws iam list-open-id-connect-providers --query 'OpenIDConnectProviderList[].Arn' --output text 2>/dev/null | tr '\t' '\n' | grep 'token\.actions\.githubusercontent\.com$' || true
}

aws_ready() {
  need aws 'make infra logs in to ECR with it: https://docs.aws.amazon.com/cli/'
  local profile
  # Looks for what is used, not at a version: the two series of the CLI count differently. Needs no credentials.
  aws ecs describe-express-gateway-service --generate-cli-skeleton input >/dev/null 2>&1 ||
    die "this aws CLI is too old ($(aws --version 2>&1)): it does not know ECS Express Mode; 2.33 or newer (1.43.1 in the first series): https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
  profile=$(output profile)
  [ -z "$profile" ] || export AWS_PROFILE=$profile
  identity=$(aws sts get-caller-identity --query Account --output text 2>&1) ||
    die "no valid AWS credentials (aws sts get-caller-identity: $identity); try aws login, aws configure or AWS_PROFILE"
}

# Is NAME:TAG in the repository? 0 yes, 1 no; anything else ends the script, since "no" would start a build.
image_exists() {
  local answer
  if answer=$(aws ecr describe-images --region "$image_region" --registry-id "$registry" --repository-name "$repository" --image-ids "imageTag=$1" --query 'imageDetails[0].imageDigest' --output text 2>&1); then
    return 0
  fi
  case $answer in
  *ImageNotFoundException*) return 1 ;;
  *) die "cannot look up image $1 in $repository: $answer" ;;
  esac
}

# Builds and pushes repository_url:$1 unless it is there already.
push_image() {
  local tag=$1 builder
  if image_exists "$tag"; then
    say "image $tag is already in $repository"
    return
  fi
  say "build image $tag"
  build_image "$repository_url:$tag"
  say "push it to $repository_url"
  builder=$(engine)
  aws ecr get-login-password --region "$image_region" | "$builder" login --username AWS --password-stdin "${repository_url%%/*}"
  "$builder" push "$repository_url:$tag"
}

read_registry() {
  repository_url=$(output ecr_repository_url)
  repository=$(output ecr_repository_name)
  region=$(output region)
  # Absent in the state of an earlier version, which knew only a repository of its own.
  registry=$(output ecr_registry_id)
  registry=${registry:-$identity}
  image_region=$(output ecr_region)
  image_region=${image_region:-$region}
}
