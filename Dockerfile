# taskferry-server for one machine and one volume, mounted at /data; the wizard `taskferry` is there too.
#
# It starts as root and stays it for a moment: platforms mount volumes that belong to root. The server takes over a fresh volume,
# becomes the user below, and proves that it can't go back, before it opens anything. To start without root, run it with
# `--user 65532` of your container runtime and a volume that this user may write. The root file system may be read-only.
#
# Layers rather than cache mounts, which some builders refuse: what the programs depend on is compiled in a layer that only
# Cargo.lock, the manifests and the compiler change. tests/image.sh builds this file without a network and tries the image.

# The slim image has a C compiler, which builds the bundled SQLite.
FROM docker.io/library/rust:1.95-slim-bookworm AS tools
WORKDIR /build
RUN cargo install --locked cargo-chef@0.1.78 cargo-auditable@0.7.7
# One file each that needs nothing of the system. With a target named, this is not for build scripts and macros.
ENV RUSTFLAGS="-C target-feature=+crt-static"

FROM tools AS plan
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM tools AS build
COPY --from=plan /build/recipe.json recipe.json
RUN cargo chef cook --locked --release --target "$(rustc --print host-tuple)" --package taskferry-server --package taskferry
COPY . .
# The list of all dependencies becomes part of the programs: `cargo audit bin` and `syft` read it.
RUN cargo auditable build --locked --release --target "$(rustc --print host-tuple)" --package taskferry-server --package taskferry \
    && install -D --target-directory=/programs target/*/release/taskferry-server target/*/release/taskferry

# A megabyte: a shell for whoever has to look around in the container, and what platforms run commands with.
FROM docker.io/library/busybox:1.37.0-musl
RUN echo 'taskferry:x:65532:65532::/data:/bin/false' >> /etc/passwd \
    && echo 'taskferry:x:65532:' >> /etc/group \
    && mkdir -m 0700 /data /backups \
    && chown 65532:65532 /data /backups
# Whom to believe, for backups in a bucket and for `doctor`.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /programs /usr/local/bin
# PORT: all addresses of the container, IPv4 and IPv6; platforms set another one.
ENV PORT=8080 \
    TASKFERRY_DATA_DIR=/data \
    TASKFERRY_USER=65532:65532
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["taskferry-server", "health"]
ENTRYPOINT ["taskferry-server"]
CMD ["serve"]
# Set by the release: which version, built from what.
ARG VERSION=unreleased
ARG REVISION=unknown
ARG SOURCE=
LABEL org.opencontainers.image.title="taskferry-server" \
      org.opencontainers.image.description="A TaskChampion-compatible sync server for Taskwarrior." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
