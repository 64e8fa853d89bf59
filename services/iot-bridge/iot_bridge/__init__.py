"""The IoT bridge: faces and their events as MQTT that a home acts on."""
