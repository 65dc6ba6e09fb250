"""Who may do what, and the proof: the one room where commands are judged.

No Home Assistant and no sockets in here. A door (`cls/`, later `eebus/`, or an action of
the owner) hands over a command; what it does to the home goes through the ports of `ports.py`.
"""
