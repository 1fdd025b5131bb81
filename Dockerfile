# The test app alone on an empty root: one static binary, no shell, no libc, no user database. `make buildc` builds it
# with docker or podman. Always linux/amd64, what App Runner and Express run; on another machine the compiler runs
# natively and only its output is for amd64.

ARG RUST_VERSION=1.95

# --- plan: a workspace of test-app alone ------------------------------------------------------------------------------
FROM --platform=$BUILDPLATFORM docker.io/library/rust:${RUST_VERSION}-slim AS plan
WORKDIR /work
COPY Cargo.toml Cargo.lock ./
COPY test-app/Cargo.toml test-app/
# test-app inherits edition, version and lints from the workspace, whose root package (the TUI, the AWS SDK) must not be
# compiled here. So: a root manifest with only what is inherited, and a lock file with only what test-app needs. cargo
# keeps every version it finds in the lock; the grep proves it, and fails the build where the lock file was out of date.
RUN mv Cargo.toml full.toml && cp Cargo.lock full.lock \
 && awk 'BEGIN { print "[workspace]\nmembers = [\"test-app\"]" } \
         /^\[/ { own = /^\[workspace\]/; keep = /^\[workspace\./ || /^\[patch/ } \
         keep || own && /^resolver/' full.toml > Cargo.toml \
 && mkdir test-app/src && touch test-app/src/lib.rs && echo 'fn main() {}' > test-app/src/main.rs \
 && cargo update --quiet --workspace \
 && if grep '^checksum' Cargo.lock | grep -vxFf full.lock; then echo 'Cargo.lock is out of date: run cargo check and commit it' >&2; exit 1; fi \
 && rm full.toml full.lock

# --- build ------------------------------------------------------------------------------------------------------------
FROM --platform=$BUILDPLATFORM docker.io/library/rust:${RUST_VERSION}-slim AS build
RUN rustup target add x86_64-unknown-linux-musl
WORKDIR /work
# rust-lld comes with the toolchain and links for amd64 on any machine, with the musl that comes with the target.
ENV CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld \
    CARGO_PROFILE_RELEASE_STRIP=symbols
# Copied by content: these two layers, with all dependencies, are built again only when test-app's own needs change, not
# when the root package's do.
COPY --from=plan /work/ ./
RUN cargo build --locked --release --package test-app --target x86_64-unknown-linux-musl
COPY test-app/src test-app/src
# The sources are older than the empty ones that were just compiled, so cargo would think nothing changed.
RUN find test-app/src -name '*.rs' -exec touch {} + \
 && cargo build --locked --release --package test-app --target x86_64-unknown-linux-musl \
 && cp target/x86_64-unknown-linux-musl/release/test-app /test-app \
 && if readelf --program-headers --wide /test-app | grep INTERP; then echo 'test-app is not static' >&2; exit 1; fi \
 && if [ "$(stat --format %s /test-app)" -ge 3000000 ]; then echo 'test-app is over 3 MB' >&2; exit 1; fi

# --- the image --------------------------------------------------------------------------------------------------------
FROM --platform=linux/amd64 scratch
COPY --from=build /test-app /test-app
# No user database on an empty root, hence a number: "nobody" of the distroless images.
USER 65532:65532
ENV PORT=8080
EXPOSE 8080
ENTRYPOINT ["/test-app"]
