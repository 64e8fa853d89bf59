# One file for all services: a target each. Packages are installed in one stage and copied to the next,
# so that no image carries pip's leftovers; what the network brings is checked against hashes.
ARG PYTHON=python:3.13-slim-trixie
# Model and demo clip are the same on every CPU: made once, on the machine that builds.
ARG BUILD_PYTHON=python:3.13-slim-trixie
# The Coral's driver is built for Debian 12 (docs/coral.md).
ARG CORAL_PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS python
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

FROM python AS capture-packages
COPY requirements/capture.txt .
RUN python -m venv /venv && /venv/bin/pip install --quiet --require-hashes --no-deps --only-binary :all: -r capture.txt

FROM python AS detector-packages
COPY requirements/detector.txt .
RUN python -m venv /venv && /venv/bin/pip install --quiet --require-hashes --no-deps --only-binary :all: -r detector.txt

FROM ${CORAL_PYTHON} AS detector-coral-packages
COPY requirements/detector-coral.txt .
RUN python -m venv /venv && /venv/bin/pip install --quiet --no-cache-dir --require-hashes --no-deps --only-binary :all: \
    -r detector-coral.txt

FROM python AS tracker-packages
COPY requirements/tracker.txt .
RUN python -m venv /venv && /venv/bin/pip install --quiet --require-hashes --no-deps --only-binary :all: -r tracker.txt

FROM python AS iot-bridge-packages
COPY requirements/iot-bridge.txt .
RUN python -m venv /venv && /venv/bin/pip install --quiet --require-hashes --no-deps --only-binary :all: -r iot-bridge.txt

FROM python AS web-packages
COPY requirements/web.txt .
RUN python -m venv /venv && /venv/bin/pip install --quiet --require-hashes --no-deps --only-binary :all: -r web.txt

FROM --platform=$BUILDPLATFORM ${BUILD_PYTHON} AS assets
WORKDIR /app
COPY requirements/capture.txt .
RUN python -m venv /venv && /venv/bin/pip install --quiet --require-hashes --no-deps --only-binary :all: -r capture.txt
COPY facewire facewire
COPY models models
RUN /venv/bin/python -m facewire.models fetch /assets/models
COPY services/capture/capture capture
RUN /venv/bin/python -m capture compose-demo /assets/models /assets/demo

# Beside the model lies the network in ncnn's own format, the same for every CPU, GPU and input size.
FROM assets AS detector-files-amd64
COPY requirements/conversion.txt .
RUN /venv/bin/pip install --quiet --require-hashes --no-deps --only-binary :all: -r conversion.txt
COPY services/detector/detector detector
RUN install -D -m 644 -t /opt/facewire/models /assets/models/face_detection_yunet_2023mar.onnx /assets/models/sample6.jpg \
 && export CACHE_DIR=/tmp/cache && /venv/bin/python -m detector static && /venv/bin/python -m detector ncnn --target any

# Beside the model lies what a Pi would else compile at its first start, for each input size in the README; in half
# precision too, which the Pi 5 has arithmetic for.
FROM detector-files-amd64 AS detector-files-arm64
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends binutils-aarch64-linux-gnu
COPY requirements/detector.txt .
RUN /venv/bin/pip install --quiet --require-hashes --no-deps --only-binary :all: -r detector.txt
RUN for size in 320x256 320x192 640x480; do \
      export DETECTOR_INPUT=$size CACHE_DIR=/tmp/cache; \
      /venv/bin/python -m detector static \
        && /venv/bin/python -m detector compile --target cortex-a76 \
        && /venv/bin/python -m detector compile --target cortex-a76 --precision fp16 || exit 1; \
    done

FROM detector-files-${TARGETARCH} AS detector-files

FROM --platform=$BUILDPLATFORM ${BUILD_PYTHON} AS coral-files
ARG TARGETARCH
WORKDIR /app
COPY facewire facewire
COPY models models
COPY services/detector/coral-files .
RUN ./coral-files "$TARGETARCH" /coral

FROM python AS service
# Frames are 0.9 MB: by default glibc maps and unmaps each one, and page faults cost more than the copy.
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app OPENBLAS_NUM_THREADS=1 \
    MALLOC_MMAP_THRESHOLD_=67108864 MALLOC_TRIM_THRESHOLD_=268435456 MALLOC_ARENA_MAX=1
RUN groupadd --gid 10001 facewire && useradd --uid 10001 --gid facewire --no-create-home facewire \
 && install -d -o facewire -g facewire /run/facewire /var/cache/facewire
WORKDIR /app
COPY facewire facewire
USER facewire

FROM service AS capture
COPY --from=capture-packages /venv /venv
COPY --from=assets /assets/demo /opt/facewire/demo
COPY services/capture/capture capture
CMD ["python", "-m", "capture"]

FROM service AS detector
USER root
# `ld` links what TVM compiles for this host.
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
USER facewire
COPY --from=detector-packages /venv /venv
COPY --from=detector-files /opt/facewire/models /opt/facewire/models
COPY models models
COPY services/detector/detector detector
CMD ["python", "-m", "detector"]

# 240 MB more, which is why the default image has none of it: Mesa's Vulkan drivers, the Pi 5's among them.
FROM detector AS detector-gpu
USER root
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends libvulkan1 mesa-vulkan-drivers \
 && rm -rf /var/lib/apt/lists/*
USER facewire

# As `service` and `detector`, on the Coral's Python and Debian.
FROM ${CORAL_PYTHON} AS detector-coral
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PATH=/venv/bin:$PATH PYTHONPATH=/app OPENBLAS_NUM_THREADS=1 \
    MALLOC_MMAP_THRESHOLD_=67108864 MALLOC_TRIM_THRESHOLD_=268435456 MALLOC_ARENA_MAX=1
RUN groupadd --gid 10001 facewire && useradd --uid 10001 --gid facewire --no-create-home facewire \
 && install -d -o facewire -g facewire /run/facewire /var/cache/facewire \
 && apt-get update -qq && apt-get install -y -qq --no-install-recommends binutils libusb-1.0-0 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=coral-files /coral/lib /usr/local/lib
# A driver that does not load here would not on the Pi.
RUN ldconfig && python -c "import ctypes; ctypes.CDLL('libedgetpu.so.1').tflite_plugin_create_delegate"
WORKDIR /app
COPY facewire facewire
USER facewire
COPY --from=detector-coral-packages /venv /venv
COPY --from=detector-files /opt/facewire/models /opt/facewire/models
COPY --from=coral-files /coral/models /opt/facewire/models
COPY models/manifest.toml models/
COPY services/detector/detector detector
CMD ["python", "-m", "detector"]

FROM service AS tracker
COPY --from=tracker-packages /venv /venv
COPY services/tracker/tracker tracker
CMD ["python", "-m", "tracker"]

FROM service AS iot-bridge
USER root
# It sees a frame every few seconds, among small things that last: kept, its memory would grow by 2 MB with each.
ENV MALLOC_MMAP_THRESHOLD_=131072
# To speak, and to be heard on a sound card.
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends alsa-utils espeak-ng \
 && apt-get clean && rm -rf /var/lib/apt/lists/*
USER facewire
COPY --from=iot-bridge-packages /venv /venv
COPY services/iot-bridge/iot_bridge iot_bridge
CMD ["python", "-m", "iot_bridge"]

FROM service AS web
COPY --from=web-packages /venv /venv
COPY services/web/web web
CMD ["python", "-m", "web"]
