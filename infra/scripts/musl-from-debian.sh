#!/usr/bin/env bash
# musl-from-debian.sh DIR: a Rust toolchain with the x86_64-unknown-linux-musl target, for machines where rustup cannot
# fetch one. Debian has the compiler (rustc-web) and its sources but no musl standard library, so that is compiled here.
# Nothing is installed: packages are unpacked into DIR. The last line of output is the compiler to set RUSTC to.
set -euo pipefail

mkdir -p "$1"
dir=$(cd "$1" && pwd)
target=x86_64-unknown-linux-musl
compiler=$dir/rustc
if [ -f "$dir/complete" ]; then
  echo "$compiler"
  exit 0
fi
for tool in apt-get dpkg-deb cargo rustc musl-gcc gcc; do
  command -v $tool >/dev/null || {
    echo "musl-from-debian: $tool is missing (Debian: musl-tools, gcc)" >&2
    exit 1
  }
done

{
  # --- compiler, sources and an unwinder, unpacked ------------------------------------------------------------------
  mkdir -p "$dir/packages"
  cd "$dir/packages"
  std=$(apt-cache depends libstd-rust-web-dev | sed -nE 's/^ *Depends: (libstd-rust-web-[0-9.]+)$/\1/p')
  llvm=$(apt-cache depends "$std" rustc-web | sed -nE 's/^ *Depends: (libllvm[0-9]+)$/\1/p' | head -n 1)
  unwinder=$(apt-cache search --names-only '^libunwind-1[4-9]-dev$' | awk '{ print $1 }' | sort | head -n 1)
  apt-get download rustc-web "$std" libstd-rust-web-dev rust-web-src "$llvm" "$unwinder"
  for package in *.deb; do dpkg-deb --extract "$package" "$dir"; done
  rm -- *.deb
  cd "$dir"
  # shellcheck disable=SC2016
  printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "$dir/usr/lib/x86_64-linux-gnu" "$dir/usr/bin/rustc" >"$compiler"
  chmod +x "$compiler"

  # --- what rustup ships as "self-contained": musl, start files, an unwinder ----------------------------------------
  library=$dir/usr/lib/rustlib/$target/lib
  mkdir -p "$library/self-contained"
  musl=$(dirname "$(dpkg -L musl-dev | grep "/libc\.a$")")
  cp "$musl"/{crt1,Scrt1,rcrt1,crti,crtn}.o "$musl"/{libc,libdl,libpthread}.a "$library/self-contained/"
  gcc=$(dirname "$(gcc -print-file-name=crtbeginS.o)")
  cp "$gcc"/{crtbegin,crtend,crtbeginS,crtendS}.o "$library/self-contained/"
  # rustup's own linker; Debian's compiler has none.
  ours=$(rustc --print sysroot)
  mkdir -p "$dir/usr/lib/rustlib/x86_64-unknown-linux-gnu/bin"
  cp "$ours/lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld" "$dir/usr/lib/rustlib/x86_64-unknown-linux-gnu/bin/"
  cp "$ours"/lib/libLLVM.so.* "$dir/usr/lib/"

  # --- the standard library -----------------------------------------------------------------------------------------
  mkdir -p "$dir/hello/src"
  printf '[package]\nname = "hello"\nversion = "0.1.0"\nedition = "2024"\n[workspace]\n' >"$dir/hello/Cargo.toml"
  echo 'fn main() { println!("{}", std::panic::catch_unwind(|| assert!(std::env::args().count() > 1)).is_err()) }' >"$dir/hello/src/main.rs"
  # build-std is a nightly option; the compiler's own sources may use it on stable. The library, not the program: the
  # unwinder is not in place yet.
  (cd hello && mv src/main.rs src/lib.rs && RUSTC_BOOTSTRAP=1 RUSTC=$compiler RUSTFLAGS='' CARGO_TARGET_DIR=$dir/hello/target \
    cargo build --quiet -Zbuild-std=std,panic_unwind --release --target $target && mv src/lib.rs src/main.rs)
  cp "$dir/hello/target/$target/release/deps/"lib*.rlib "$library/"
  rm -f "$library"/libhello*

  # LLVM's unwinder was compiled against glibc with fortify; musl lacks the one symbol that takes.
  cat >fortify.c <<'C'
#include <stdarg.h>
#include <stdio.h>
int __fprintf_chk(FILE *file, int flag, const char *format, ...) {
  va_list arguments;
  (void)flag;
  va_start(arguments, format);
  int written = vfprintf(file, format, arguments);
  va_end(arguments);
  return written;
}
C
  musl-gcc -O2 -c fortify.c -o fortify.o
  cp "$(find "$dir/usr/lib" -path '*llvm-*' -name libunwind.a | head -n 1)" "$library/self-contained/libunwind.a"
  ar r "$library/self-contained/libunwind.a" fortify.o

  # --- does it print, and does a panic unwind? ----------------------------------------------------------------------
  (cd hello && RUSTC=$compiler RUSTFLAGS='' CARGO_TARGET_DIR=$dir/hello/target CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld \
    cargo build --quiet --release --target $target)
  [ "$("$dir/hello/target/$target/release/hello" 2>/dev/null)" = true ]
  rm -rf "$dir/hello/target" "$dir/packages"
  touch "$dir/complete"
} >&2
echo "$compiler"
