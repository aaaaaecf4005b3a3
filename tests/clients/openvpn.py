# openvpn.py SOCKET PIN: answers OpenVPN's management interface, which asks for the token and its PIN, until
# the connection stands or OpenVPN ends.
# SPDX-License-Identifier: 0BSD
import re
import socket
import sys

s = socket.socket(socket.AF_UNIX)
s.settimeout(60)
s.connect(sys.argv[1])
asked = 0
s.sendall(b"state on\n")
for line in s.makefile("r"):
    print(line, end="")
    need = re.match(r">PASSWORD:Need '(.*)' password", line)
    if need:
        asked += 1
        assert asked == 1               # never the same PIN twice
        s.sendall(f'password "{need[1]}" {sys.argv[2]}\n'.encode())
    confirm = re.match(r">NEED-OK:Need '([^']*)'", line)
    if confirm:
        s.sendall(f'needok "{confirm[1]}" ok\n'.encode())
    if ",CONNECTED," in line:
        sys.exit(0)
sys.exit(1)
