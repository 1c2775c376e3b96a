# TestGrid's images. The last stage is the server; `--target runner` is the runner. docs/deploy.md says how to build and start them.
#
# The base images are yours to name: a mirror, a pinned digest, one with your company's certificate authorities.
#   SDK_IMAGE   Debian with the .NET 10 SDK in /usr/share/dotnet (Microsoft's dotnet/sdk:10.0); no default, for its registry is not the usual one
#   NODE_IMAGE  Node 20.19 or later with npm
#   RUN_IMAGE   Debian 12 or 13: what the server and the runner run on
# No BuildKit is needed.
ARG SDK_IMAGE
ARG NODE_IMAGE=node:22-bookworm-slim
ARG RUN_IMAGE=debian:bookworm-slim

# 1. The dashboard.
FROM ${NODE_IMAGE} AS web
WORKDIR /build/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-audit --no-fund --loglevel=error
COPY web/ ./
RUN npm run --silent build -- --logLevel warn

# 2. The program.
FROM ${SDK_IMAGE} AS publish
ENV DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
RUN apt-get -qq update \
    && DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install gcc libc6-dev >/dev/null \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY Directory.Build.props Directory.Packages.props BannedSymbols.txt .editorconfig global.json ./
# Restored before the sources come, so that a change of these does not fetch packages again.
COPY src/TestGrid.Core/*.csproj src/TestGrid.Core/packages.lock.json src/TestGrid.Core/
COPY src/TestGrid.Runner/*.csproj src/TestGrid.Runner/packages.lock.json src/TestGrid.Runner/
COPY src/TestGrid.Server/*.csproj src/TestGrid.Server/packages.lock.json src/TestGrid.Server/
COPY src/TestGrid.Cli/*.csproj src/TestGrid.Cli/packages.lock.json src/TestGrid.Cli/
RUN dotnet restore src/TestGrid.Cli --locked-mode -v quiet
COPY src/ src/
COPY runner-images/ runner-images/
RUN dotnet publish src/TestGrid.Cli -c Release --no-restore -v quiet -o /out -p:PublishDocumentationFiles=false -p:PublishDocumentationFile=false -p:CopyOutputSymbolsToPublishDirectory=false
COPY --from=web /build/src/TestGrid.Server/wwwroot /out/wwwroot
COPY LICENSE /out/

# 3. What server and runner share: Debian, .NET's runtime from the SDK that built it, the program.
FROM ${RUN_IMAGE} AS run
RUN apt-get -qq update \
    && DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install \
        ca-certificates libssl3 libstdc++6 openssh-client zlib1g >/dev/null \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 testgrid \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/testgrid --no-create-home --shell /usr/sbin/nologin testgrid \
    && install -d -o testgrid -g testgrid -m 0755 /var/lib/testgrid
COPY --from=publish /usr/share/dotnet/host /usr/share/dotnet/host
COPY --from=publish /usr/share/dotnet/shared /usr/share/dotnet/shared
COPY --from=publish /out /opt/testgrid
RUN ln -s /opt/testgrid/testgrid /usr/local/bin/testgrid && testgrid --version
ENV TESTGRID_DATA=/var/lib/testgrid DOTNET_EnableDiagnostics=0
VOLUME /var/lib/testgrid
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="TestGrid" \
      org.opencontainers.image.description="A self-hosted CI test runner: every commit is tested in a fresh sandbox made from a bundle" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENTRYPOINT ["/opt/testgrid/testgrid"]

# The runner. Root in its container, and that container needs more than an unprivileged one has: docs/deploy.md, «A runner in a container».
FROM run AS runner
RUN apt-get -qq update \
    && DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install \
        libseccomp2 mmdebstrap nftables slirp4netns uidmap util-linux >/dev/null \
    && rm -rf /var/lib/apt/lists/*
# A container's /proc has masks over it, and beside such a one alone the kernel allows no fresh one in a sandbox: one without
# them must be there. (Docker's own systempaths=unconfined would do it too, but only its command line and Compose 2 know that.)
ENTRYPOINT ["/bin/sh", "-c", "mkdir -p /run/proc && mount -t proc proc /run/proc 2>/dev/null; exec /opt/testgrid/testgrid \"$@\"", "sh"]
CMD ["runner"]

# The server: no jobs, no root, no privileges.
FROM run AS server
ENV TESTGRID_RUNNER__SLOTS=0
USER 10001:10001
EXPOSE 8080
# Alive, not ready: while a broker is away or a disk is full, starting the server again would only take the dashboard away too.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/opt/testgrid/testgrid", "health", "--alive"]
CMD ["server", "--listen", "http://0.0.0.0:8080"]
