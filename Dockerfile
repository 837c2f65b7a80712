# taskferry-server for one machine and one volume, mounted at /data.
#
# It starts as root and stays it for a moment: platforms mount volumes that belong to root. The server takes over a fresh volume,
# becomes the user below, and proves that it can't go back, before it opens anything. To start without root, run it with
# `--user 65532` of your container runtime and a volume that this user may write.
#
# No cache mounts: some builders refuse them.

# The slim image has a C compiler, which builds the bundled SQLite.
FROM docker.io/library/rust:1.95-slim-bookworm AS build
WORKDIR /build
COPY . .
RUN cargo build --locked --release --package taskferry-server --bin taskferry-server

FROM docker.io/library/debian:bookworm-slim
RUN groupadd --system --gid 65532 taskferry \
    && useradd --system --uid 65532 --gid taskferry --home-dir /data --no-create-home --shell /usr/sbin/nologin taskferry \
    && install --directory --owner=taskferry --group=taskferry --mode=0700 /data /backups
COPY --from=build /build/target/release/taskferry-server /usr/local/bin/taskferry-server
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
