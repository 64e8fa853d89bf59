// All images for both kinds of machine: docker buildx bake
variable "PLATFORMS" { default = "linux/amd64,linux/arm64" }

group "default" { targets = ["service"] }

target "service" {
  name       = name
  matrix     = { name = ["capture", "detector", "detector-gpu", "tracker", "iot-bridge", "web"] }
  dockerfile = "Dockerfile"
  target     = name
  tags       = ["facewire/${name}"]
  platforms  = split(",", PLATFORMS)
}

// Needs the Coral's driver and network from outside (docs/coral.md), so it is built by name: docker buildx bake detector-coral
target "detector-coral" {
  dockerfile = "Dockerfile"
  target     = "detector-coral"
  tags       = ["facewire/detector-coral"]
  platforms  = split(",", PLATFORMS)
}
