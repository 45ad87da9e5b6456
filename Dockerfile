# One image, three programs; the command says which. Debian, so that libpcap and the C library are the ones they were built with.
FROM rust:1-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends libpcap-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bins -p traf-sensor -p traf-collector -p traf-console

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends libpcap0.8 && rm -rf /var/lib/apt/lists/* \
    && useradd --system --home-dir /var/lib/traf --create-home traf
COPY --from=build /src/target/release/traf-sensor /src/target/release/traf-collector /src/target/release/traf /usr/bin/
VOLUME /var/lib/traf
