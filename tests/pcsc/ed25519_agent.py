# ed25519_agent.py: an agent for OpenSSH whose key is an Ed25519 key of a token: OpenSSH takes such keys from a
# PKCS#11 module from version 10.1 on. Run by e2e.sh. SPDX-License-Identifier: 0BSD
#
#     ed25519_agent.py MODULE PIN ID SOCKET PUBLIC_KEY_FILE
#
# Knows two requests: which keys there are (11), and a signature (13).
import base64, socket, struct, sys
import PyKCS11

def string(b): return struct.pack('>I', len(b)) + b

def take(b):
    n, = struct.unpack('>I', b[:4])
    return b[4:4 + n], b[4 + n:]

module, pin, number, path, public = sys.argv[1:]
lib = PyKCS11.PyKCS11Lib()
lib.load(module)
session = lib.openSession(lib.getSlotList(tokenPresent=True)[0])
session.login(pin)

def find(kind):
    return session.findObjects([(PyKCS11.CKA_CLASS, kind), (PyKCS11.CKA_ID, (int(number),))])[0]

key = find(PyKCS11.CKO_PRIVATE_KEY)
point = bytes(session.getAttributeValue(find(PyKCS11.CKO_PUBLIC_KEY), [PyKCS11.CKA_EC_POINT])[0])[-32:]
blob = string(b'ssh-ed25519') + string(point)
CKM_EDDSA = 0x1057

def answer(request):
    if request[0] == 11:
        return bytes([12]) + struct.pack('>I', 1) + string(blob) + string(b'card')
    which, rest = take(request[1:])
    if request[0] != 13 or which != blob:
        return bytes([5])
    made = bytes(session.sign(key, take(rest)[0], PyKCS11.Mechanism(CKM_EDDSA, None)))
    return bytes([14]) + string(string(b'ssh-ed25519') + string(made))

server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen(1)
with open(public, 'w') as f:
    f.write('ssh-ed25519 ' + base64.b64encode(blob).decode() + ' card\n')
while True:
    client = server.accept()[0]
    while True:
        head = client.recv(4, socket.MSG_WAITALL)
        if len(head) < 4:
            break
        client.sendall(string(answer(client.recv(struct.unpack('>I', head)[0], socket.MSG_WAITALL))))
