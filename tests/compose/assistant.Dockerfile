# A real Home Assistant for the tests, with what it would else install at its first start; only what its core, its
# first steps and MQTT need.
FROM python:3.13-slim-trixie
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends gcc g++ python3-dev libffi-dev libssl-dev libjpeg-dev zlib1g-dev \
    libturbojpeg0 >/dev/null \
 && rm -rf /var/lib/apt/lists/*
RUN python -m venv /home-assistant \
 && /home-assistant/bin/pip install --no-cache-dir --quiet homeassistant==2026.2.3 home-assistant-frontend==20260128.6 \
    paho-mqtt==2.1.0 PyQRCode==1.2.1 pyotp==2.9.0 PyTurboJPEG==1.8.0
ENTRYPOINT ["/home-assistant/bin/hass", "--config", "/config", "--skip-pip"]
