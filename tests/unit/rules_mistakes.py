"""What may be wrong in `rules.yaml`: the text, its place, the complaint, and whether a schema can see it."""

from facewire.sanity import A_CAMERA_NAME
from tests.unit.rules_file import HEAD, do, light, lock, publish, unlock, webhook, when

AN_EVENT = "expected one of appeared, identified, unknown, left, entered, left_zone, crossed, found "
A_TOPIC = "expected a topic without +, # and empty levels, not beginning with $, up to 256 long, found "
FORBIDDEN = "expected a topic that rules may publish to, found "
A_CAMERA = f"expected a camera's name, {A_CAMERA_NAME}, found "
A_NAME = "expected a name of a-z, 0-9, _ and - up to 32 long, found "
AN_URL = "expected an address that begins with http:// or https://, without a user or password, up to 1024 long, found "
IDENTIFIED = "event: identified, person: anna"
MISTAKES: list[tuple[str, str, str, bool]] = [
    # The whole.
    ("- x\n", "1:1", "expected a mapping, found a list of 1", True),
    ("rule: []\n", "1:1", "expected one of place, lights, locks, greeting, rules, found 'rule'", True),
    ("rules: {}\n", "1:8", "expected a list of rules, found an empty mapping", True),
    ("rules:\n  - x\n", "2:5", "expected a rule, found 'x'", True),
    ("rules: [{name: x}]\n", "1:9", "expected a rule with name and when and do, found no when", True),
    (when("event: left") + "    else: x\n", "15:5", "expected one of name, when, do, max_age_s, found 'else'", True),
    (when("event: left").replace("name: x", "name:"), "11:10", "expected a rule's name, one line of 1", True),
    (when("event: left").replace("name: x", "name: on"), "11:11", "found 'on', which YAML takes for yes or no", True),
    (when("event: left").replace("name: x", f"name: {'x' * 65}"), "11:11", "expected a rule's name, one line", True),
    (when("event: left") + "  - {name: x, when: {event: left}, do: [speak: ]}\n", "15:12", "found 'x' again", False),
    ("place: {latitude: 91, longitude: 0}\n", "1:19", "expected degrees north, from -90 to 90, found '91'", True),
    ("place: {latitude: 9}\n", "1:8", "expected a place with latitude and longitude, found no longitude", True),
    # Devices.
    (light("hue: lamp"), "2:10", "expected one of zigbee2mqtt, tasmota, esphome, shelly, home_assistant, topic", True),
    (light(""), "2:9", "expected a light by exactly one of zigbee2mqtt, tasmota", True),
    (light("topic: a, tasmota: b"), "2:9", "found tasmota and topic", True),
    (light("zigbee2mqtt: a/+"), "2:23", "expected the friendly name that Zigbee2MQTT has for it, found 'a/+'", True),
    (light('zigbee2mqtt: "a#"'), "2:23", "found 'a#'", True),
    (light("tasmota: a/b"), "2:19", "expected Tasmota's Topic of it, without a /, found 'a/b'", True),
    (light("esphome: lamp"), "2:19", "expected ESPHome's topic_prefix and the object id", True),
    (light("shelly: a/relay:0"), "2:18", "expected the Shelly's MQTT prefix, then /switch:0", True),
    (light("home_assistant: lock.a"), "2:26", "expected an entity of Home Assistant, as in light.front", True),
    (light("home_assistant: Porch"), "2:26", "found 'Porch'", True),
    (light("topic: /a"), "2:17", A_TOPIC + "'/a'", True),
    (light("topic: a//b"), "2:17", A_TOPIC + "'a//b'", True),
    (light("topic: $SYS/a"), "2:17", A_TOPIC + "'$SYS/a'", True),
    (light("topic: facewire/other/availability"), "2:17", "found a topic of the bridge itself", False),
    (light("topic: a").replace("hall", "Hall"), "2:3", A_NAME + "'Hall'", True),
    (light("topic: a") + "  hall: {topic: b}\n", "3:3", "expected each name once, found hall again", False),
    ("lights: [a]\n", "1:9", "expected lights by their names, found a list of 1", True),
    # A lock's device is no light.
    (HEAD.replace("topic: home/bell/set", "tasmota: back"), "4:9", "found a topic that the lock back obeys", False),
    (HEAD.replace("home/bell/set", "zigbee2mqtt/front_door/set"), "4:9", "that the lock front obeys", False),
    (HEAD.replace("home/bell/set", "cmnd/tasmotas/POWER"), "4:9", "that the lock back obeys", False),
    (
        "lights: {a: {shelly: strike}}\nlocks: {b: {shelly: 'strike/switch:0'}}\n",
        "1:13",
        "expected a device that may be a light, found the device of the lock b",
        False,
    ),
    # Locks.
    (lock("zigbee2mqtt: a, unlock: {}"), "2:35", "for whom a lock may open with people and cameras", True),
    (lock("zigbee2mqtt: a, unlock: "), "2:", "for whom a lock may open with people and cameras", True),
    (lock("unlock: {people: a, cameras: door}"), "2:10", "expected a lock by exactly one of", True),
    (lock("topic: a") + "  back: {topic: a}\n", "3:9", "expected another device for each lock, found the same", False),
    ("locks:\n  zone: {topic: a}\n", "2:3", "expected another name of a lock, found 'zone'", True),
    (lock("shelly: strike/light:0"), "2:19", "expected a switch of the Shelly, as a lock, found", True),
    (
        "locks: {a: {shelly: x}, b: {shelly: 'x/switch:0'}}\n",
        "1:28",
        "expected another device for each lock, found the same again",
        False,
    ),
    (unlock("people: [b]"), "4:44", "expected each name once, found people again", False),
    (unlock("").replace("[a]", "[]"), "4:22", "expected people's names, 1 to 32, found 0", True),
    (unlock("").replace("[a]", "[a, a]"), "4:26", "expected people's names, each once, found 'a' again", True),
    (unlock("").replace("[a]", "anyone"), "4:22", "expected the name of one person, since `anyone` is nobody's", True),
    (unlock("").replace("[a]", '""'), "4:22", "expected a person's name, 1 to 128 characters, found ''", True),
    (unlock("").replace("[a]", "[" + "x" * 129 + "]"), "4:23", "expected a person's name, 1 to 128", True),
    (unlock("").replace("[a]", "[12]"), "4:23", "found '12', which YAML takes for a number", True),
    (
        unlock("").replace("[door]", "[dor]"),
        "4:37",
        "expected a camera of cameras.yaml (door, hall), found 'dor'",
        False,
    ),
    (unlock("similarity: 0.1"), "4:56", "expected a number from 0.35 to 1, found '0.1'", True),
    (unlock("margin: 0"), "4:52", "expected a number from 0.02 to 1, found '0'", True),
    (unlock("of_looks: 4"), "4:54", "expected [so many, of so many looks]", True),
    (
        unlock("of_looks: [5, 4]"),
        "4:54",
        "expected so many of at least as many looks, as in [4, 5], found 5 of 4",
        False,
    ),
    (unlock("of_looks: [1, 1]"), "4:55", "expected a whole number from 2 to 30, found '1'", True),
    (unlock("second_factor: sms"), "4:59", "expected one of none, pin, confirm, found 'sms'", True),
    (unlock("failures: 2.5"), "4:54", "expected a whole number from 1 to 100, found '2.5'", True),
    (unlock("lockout_s: 0"), "4:55", "expected a number from 10 to 86400, found '0'", True),
    # Conditions.
    (when("camera: door"), "12:11", "expected a condition with event, found no event", True),
    (when("event: arrived"), "12:19", AN_EVENT + "'arrived'", True),
    (when("event: []"), "12:19", "expected types of event, 1 to 7, found 0", True),
    (when("event: [left, left]"), "12:26", "expected types of event, each once, found 'left' again", True),
    (when("event: left, who: anna"), "12:25", "expected one of event, person, camera, zone", True),
    (when("event: left, camera: dor"), "12:33", "expected a camera of cameras.yaml (door, hall), found 'dor'", False),
    (when("event: left, camera: Door"), "12:33", A_CAMERA + "'Door'", True),
    (when("event: left, camera: lock"), "12:33", A_CAMERA + "'lock'", True),
    (when("event: left, zone: shed"), "12:31", "expected a zone of cameras.yaml (porch), found 'shed'", False),
    (when("event: left, zone: [porch, shed]"), "12:39", "expected a zone of cameras.yaml (porch), found 'shed'", False),
    (
        when("event: left, camera: hall, zone: porch"),
        "12:45",
        "expected a zone of hall in cameras.yaml (there is none), found 'porch'",
        False,
    ),
    (when("event: crossed, line: gate"), "12:34", "expected a line of cameras.yaml (sill), found 'gate'", False),
    (
        when("event: crossed, direction: up"),
        "12:39",
        "expected a direction of cameras.yaml (in, out), found 'up'",
        False,
    ),
    (when("event: left, line: sill"), "12:31", "expected line only where the event is crossed alone, found left", True),
    (when("event: [crossed, left], direction: in"), "12:47", "found crossed, left", True),
    (when("event: entered, dwelt_s: 3"), "12:37", "expected dwelt_s only where the event is left_zone alone", True),
    (when("event: left_zone, dwelt_s: -1"), "12:39", "expected seconds, from 0 to 86400, found '-1'", True),
    (when("event: unknown, person: anna"), "12:36", "expected nobody, since who is unknown has no name", False),
    (when("event: left, between: 18:00"), "12:34", 'expected two times, as in ["18:00", "07:00"]', True),
    (when("event: left, between: [18:00, 07:00]"), "12:35", "expected a time in quotes, as in", True),
    (when('event: left, between: ["24:00", "07:00"]'), "12:35", "found '24:00'", True),
    (when('event: left, between: ["07:00", "07:00"]'), "12:34", "expected two different times", True),
    (when('event: left, between: ["07:00"]'), "12:34", "2, found 1", True),
    (when("event: left, days: [monday]"), "12:32", "expected one of mon, tue, wed, thu, fri, sat, sun", True),
    (when("event: left, sun: set"), "12:30", "expected one of up, down, found 'set'", True),
    (
        when("event: left, sun: up").replace("place:", "greeting: #"),
        "12:30",
        "expected a `place` in this file, for sunrise and sunset, found none",
        False,
    ),
    (when("event: left, illuminance: 5"), "12:38", "expected a sensor of illuminance, found '5'", True),
    (when("event: left, illuminance: {topic: a/#, below_lux: 5}"), "12:46", A_TOPIC, True),
    (when("event: left, illuminance: {topic: a, below_lux: dark}"), "12:60", "expected lux, from 0 to 200000", True),
    # Actions.
    (do("dance: now"), "14:9", "expected one of light, publish, lock, unlock, webhook, speak, found 'dance'", True),
    (do("{}"), "14:9", "expected exactly one of light, publish, lock, unlock, webhook, speak, found none", True),
    (do("{lock: back, speak: {}}"), "14:9", "found lock and speak", True),
    (
        when("event: left").replace("do:\n      - speak: {}", "do: []"),
        "13:9",
        "expected a list of actions, 1 to 16",
        True,
    ),
    (do("light: {name: attic, turn: on}"), "14:23", "expected a light of this file (hall, bell), found 'attic'", False),
    (do("light: {name: hall}"), "14:16", "expected a light's action with name and turn, found no turn", True),
    (do("light: {name: hall, turn: dim}"), "14:35", "expected on or off, found 'dim'", True),
    (do("light: {name: hall, turn: on, brightness: 0}"), "14:51", "expected per cent, a whole number from 1", True),
    (do("light: {name: hall, turn: on, brightness: 50.5}"), "14:51", "found '50.5'", True),
    (do("light: {name: hall, turn: off, brightness: 5}"), "14:52", "expected brightness only where the light", True),
    (do('light: {name: hall, turn: "off", off_after_s: 5}'), "14:55", "expected off_after_s only where", True),
    (do("light: {name: hall, turn: on, off_after_s: 0}"), "14:52", "expected seconds, from 1 to 86400", True),
    (do("light: {name: bell, turn: on, brightness: 5}"), "14:51", "expected no brightness, since bell can only", False),
    (do("lock: shed"), "14:15", "expected a lock of this file (front, back), found 'shed'", False),
    (do("unlock: shed", IDENTIFIED), "14:17", "expected a lock of this file (front, back), found 'shed'", False),
    (do("unlock: back", IDENTIFIED), "14:17", "back has no `unlock`, and so never does", False),
    (do("unlock: front"), "14:17", "expected unlock only where the event is identified alone, found appeared", False),
    (do("unlock: front", "event: [identified, left], person: anna"), "14:17", "found identified, left", False),
    (do("unlock: front", "event: identified"), "14:17", "only where `person` names who it is, found no person", False),
    (do("unlock: front", "event: identified, person: anyone"), "14:17", "names who it is, found anyone", False),
    (do("unlock: front", "event: identified, person: [anna, nobody]"), "14:17", "found anna, nobody", False),
    (
        do("unlock: front", "event: identified, person: [anna, eve]"),
        "14:17",
        "expected each person of the rule among those of the lock front, found 'eve'",
        False,
    ),
    (
        do("unlock: front", "event: identified, person: anna, camera: hall"),
        "14:17",
        "expected each camera of the rule among those of the lock front, found 'hall'",
        False,
    ),
    (do("speak: hello"), "14:16", "expected what is spoken, found 'hello'", True),
    (do('speak: {text: "{name}"}'), "14:23", "fields than {person}, {camera}, {greeting}, found {name}", True),
    (do('speak: {text: ""}'), "14:23", "expected a text of 1 to 200 characters, found 0 of them", True),
    (do("speak: {language: de}"), "14:27", "expected one of en, zh, found 'de'", True),
    (
        do('publish: {topic: a, payload: "{who}"}'),
        "14:38",
        "{event}, {camera}, {person}, {zone}, {id}, found {who}",
        True,
    ),
    (do(f"publish: {{topic: a, payload: {'x' * 4097}}}"), "14:38", "expected a text of 0 to 4096 characters", True),
    (do("publish: {topic: a, payload: 5}"), "14:38", "which YAML takes for a number", True),
    (do("publish: {topic: a}"), "14:18", "expected a message with topic and payload, found no payload", True),
    (do("publish: {topic: a, payload: x, retain: 1}"), "14:49", "expected yes or no, found '1'", True),
    # Topics that no rule may publish to.
    *(
        (publish(topic), "14:26", A_TOPIC, True)
        for topic in (
            "",
            "a/+",
            "#",
            "a/#/b",
            "$SYS/a",
            "$share/a/b",
            "a/",
            "/a",
            "a//b",
            "x" * 257,
            "a\\u0000",
        )
    ),
    # Python's `$` lets a newline pass; an editor's does not.
    (publish("a\\n"), "14:26", A_TOPIC, False),
    *(
        (publish(topic), "14:26", FORBIDDEN + "a topic of the bridge itself", False)
        for topic in ("facewire", "facewire/door-pi/door/presence", "facewire/other-pi/availability")
    ),
    *(
        (publish(topic), "14:26", FORBIDDEN + "a topic of Home Assistant's discovery", False)
        for topic in ("homeassistant/device/x/config", "homeassistant/lock/x/config", "homeassistant/status")
    ),
    *(
        (publish(topic), "14:26", FORBIDDEN + "a topic that the lock front obeys", False)
        for topic in (
            "zigbee2mqtt/front_door/set",
            "zigbee2mqtt/front_door/set/state",
            "zigbee2mqtt/front_door/lock/set",
            "zigbee2mqtt/FRONT_DOOR/set",
            "moved/zigbee/front_door/set",
            "zigbee2mqtt/bridge/request/action",
        )
    ),
    *(
        (publish(topic), "14:26", FORBIDDEN + "a topic that the lock back obeys", False)
        for topic in ("cmnd/back/POWER", "cmnd/back/Backlog", "back/cmnd/Power1", "cmnd/tasmotas/POWER")
    ),
    # Webhooks.
    (webhook("timeout_s: 5"), "14:18", "expected a webhook with url, found no url", True),
    (webhook("url: ftp://a/b"), "14:24", AN_URL + "ftp:", True),
    (webhook("url: example.org"), "14:24", AN_URL + "one without", True),
    (webhook("url: file:///etc/passwd"), "14:24", AN_URL + "file:", True),
    (webhook("url: http:///x"), "14:24", AN_URL + "one without a host", True),
    (webhook("url: https://user:s3cr3t-passw0rd@a/b"), "14:24", AN_URL + "one with a user", True),
    (webhook('url: "https://a/b c"'), "14:24", AN_URL, True),
    (webhook('url: "http://[::1/x"'), "14:24", AN_URL + "what is no address", False),
    (webhook('url: "http://a:99999/x"'), "14:24", AN_URL + "what is no address", False),
    (webhook("url: http://a, timeout_s: 31"), "14:45", "expected seconds, from 0.1 to 30, found '31'", True),
    (webhook("url: http://a, retries: 11"), "14:43", "expected a whole number from 0 to 10, found '11'", True),
    (webhook("url: http://a, secret_env: my key"), "14:46", "expected the name of a variable, as WEBHOOK_KEY", True),
    (webhook("url: http://a, secret_env: EMPTY"), "14:46", "environment that is set, found EMPTY, which is not", False),
    # Greetings.
    ("greeting: {language: de}\n", "1:22", "expected one of en, zh, found 'de'", True),
    ("greeting: {people: {anyone: Hi}}\n", "1:21", "expected the name of one person", True),
    (
        'greeting: {people: {anna: "{name}"}}\n',
        "1:27",
        "fields than {person}, {camera}, {greeting}, found {name}",
        True,
    ),
    ("greeting: {languages: {anna: de}}\n", "1:30", "expected one of en, zh", True),
    ("greeting: {at_most_every_s: -1}\n", "1:29", "expected seconds, from 0 to 86400", True),
    # YAML.
    ("rules: [\n", "2:1", "expected YAML, found what is none", False),
    ("rules: &a []\n", "1:8", "expected plain YAML, found an anchor", False),
    ("rules: !!python/object/apply:os.system [x]\n", "1:8", "expected plain YAML, found the tag", False),
    (f"rules: {'[' * 20}{']' * 20}\n", "1:19", "expected plain YAML, found more than 12 levels", False),
]
