# The image of Fairway: one program, nothing else. docs/docker.md tells how it is run.
#
#	docker build -t fairway .
#	docker build -t fairway-python --build-arg BASE=python:3.13-slim-bookworm .    its runner runs scripts of Python and the shell as processes
#
# The same source and the same Go make the same program, wherever it is built. All of it is known to the builder of Docker 20.10, with BuildKit or without.

# What builds: any image with Go of the version in go.mod and a shell.
ARG BUILDER=golang:1.26-alpine
# What the program is put on: scratch is nothing at all.
ARG BASE=scratch

FROM ${BUILDER} AS build
# What `fairway version` says; a test holds the default to the source. `make image` says what git says.
ARG VERSION=0.1.0
WORKDIR /src
COPY . .
# What xcaddy.json says is what ./caddy is; tests hold the two together. The tags are those of the Makefile.
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags "$(sed -n 's/^TAGS := //p' Makefile)" \
	-ldflags "-s -w -funcalign=16 -X github.com/fairway-gateway/fairway/caddy/identity.version=${VERSION}" -o /image/usr/bin/fairway ./caddy
# Time zones are in the program; certificates are not, so that they can be replaced.
RUN mkdir -p /image/etc/ssl/certs /image/etc/fairway /image/usr/share/doc/fairway /owned/data /owned/blobs \
	&& cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
	&& cp Caddyfile /image/etc/fairway/ \
	&& cp LICENSE /image/usr/share/doc/fairway/ \
	&& chmod 700 /owned/data /owned/blobs

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Fairway" \
	org.opencontainers.image.description="A clean front on HTTP services that have none" \
	org.opencontainers.image.source="https://github.com/fairway-gateway/fairway" \
	org.opencontainers.image.licenses="Apache-2.0" \
	org.opencontainers.image.version="${VERSION}" \
	org.opencontainers.image.revision="${REVISION}"
COPY --from=build /image/ /
COPY --from=build --chown=65532:65532 /owned/ /
# Plain HTTP, for what stands before it: say SITE_ADDRESS=api.example.org for automatic TLS. FAIRWAY_LISTEN is where a runner tells that it is well.
# Whatever is written is below /data, so that the rest can be read-only; /blobs is there for what gateways and runners share.
ENV SITE_ADDRESS=http://:8080 \
	FAIRWAY_LISTEN=:9090 \
	HOME=/data \
	TMPDIR=/data \
	XDG_CONFIG_HOME=/data/config \
	XDG_DATA_HOME=/data
VOLUME /data
EXPOSE 8080
# Commands look for the Caddyfile here.
WORKDIR /etc/fairway
USER 65532:65532
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/usr/bin/fairway", "health"]
ENTRYPOINT ["/usr/bin/fairway"]
CMD ["run"]
