"""The interface for controllable local systems (IF_GW_CLS): tunnels, and the API served in them.

No Home Assistant in here. What strangers order goes to `control/`, which judges it; what this room
needs from outside is in `ports.py`, what it is told and tells is in `model.py`. Who uses it makes one
`room.ClsRoom(ports)` after the authority has started, gives it the tunnels (`configure(configs)`, again with each change: only what
changed is cut), reads `states` (by tunnel id), and ends with `close()` before the authority does.
"""
