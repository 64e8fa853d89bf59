"""Tell Home Assistant what there is: one retained device message a node.

https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload: abbreviated keys; `cmps` holds the
entities; an entity is removed by naming its platform alone once, the device by an empty message.
"""

from iot_bridge.discovery.describing import Describer
from iot_bridge.discovery.device import Known, components, device_publication, former_platforms, gone
from iot_bridge.discovery.node import Components, Node, named

__all__ = [
    "Components",
    "Describer",
    "Known",
    "Node",
    "components",
    "device_publication",
    "former_platforms",
    "gone",
    "named",
]
