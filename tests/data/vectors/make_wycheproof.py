#!/usr/bin/env python3
# make_wycheproof.py: makes wycheproof.txt of this directory from Project Wycheproof's JSON files.
# Run it here: ./make_wycheproof.py <directory of the files>. README.md says where they are from.
# SPDX-License-Identifier: 0BSD
import base64, json, sys

ROOT = sys.argv[1] + '/'

# HKDF of more than 1,000 bytes and IVs of more than 256, which the library does not take, are left out.
# File, and of its vectors each how many-th: of the valid, of the invalid ones. All acceptable ones, always.
FILES = [
    ('ecdsa_secp256r1_sha256_p1363', 1, 1), ('ecdsa_secp256r1_sha512_p1363', 8, 2),
    ('ecdsa_secp384r1_sha384_p1363', 3, 1), ('ecdsa_secp521r1_sha512_p1363', 4, 1),
    ('ecdsa_secp256r1_sha256', 6, 1), ('ecdsa_secp521r1_sha512', 8, 3),
    ('rsa_signature_2048_sha256', 1, 2), ('rsa_signature_3072_sha384', 1, 7), ('rsa_signature_4096_sha512', 1, 9),
    ('rsa_pss_misc', 3, 1), ('rsa_pss_2048_sha256_mgf1_0', 8, 1), ('rsa_pss_3072_sha256_mgf1_32', 16, 4),
    ('rsa_pss_4096_sha512_mgf1_32', 32, 4),
    ('rsa_pkcs1_2048', 3, 1), ('rsa_pkcs1_3072', 6, 3), ('rsa_pkcs1_4096', 8, 4),
    ('rsa_oaep_2048_sha1_mgf1sha1', 2, 1), ('rsa_oaep_2048_sha256_mgf1sha1', 4, 1),
    ('rsa_oaep_2048_sha512_mgf1sha512', 4, 2), ('rsa_oaep_3072_sha256_mgf1sha256', 4, 3),
    ('rsa_oaep_4096_sha512_mgf1sha512', 8, 6),
    ('ecdh_secp256r1_ecpoint', 2, 1), ('ecdh_secp384r1_ecpoint', 4, 1), ('ecdh_secp521r1_ecpoint', 6, 1),
    ('x25519', 8, 1),
    ('aes_cbc_pkcs5', 2, 1), ('aes_gcm', 2, 1),
    ('hmac_sha1', 3, 3), ('hmac_sha256', 3, 3), ('hmac_sha384', 3, 3), ('hmac_sha512', 3, 3),
    ('hkdf_sha1', 6, 1), ('hkdf_sha256', 4, 1), ('hkdf_sha512', 6, 1),
]
STEP = {'x25519': 3}                    # of the acceptable ones too: 209 of them are points on the twist
CURVES = {'secp256r1': 'P-256', 'secp384r1': 'P-384', 'secp521r1': 'P-521'}


def b(text):                            # bytes in hex, in base64; '.' for none
    return base64.b64encode(bytes.fromhex(text)).decode().rstrip('=') or '.'


def number(text):                       # without leading zeros
    text = text.lstrip('0')
    return b('0' * (len(text) % 2) + text)


def sha(g, key='sha'):
    return g[key].replace('-', '')


def head(name, d, g):                   # what holds for all vectors of a group
    if name.startswith('ecdsa'):
        word = 'ecdsa' if 'p1363' in name else 'der'
        return [word, CURVES[g['key']['curve']], sha(g), b(g['key']['uncompressed'])]
    if name.startswith('rsa_signature'):
        return ['pkcs1', sha(g), number(g['n']), number(g['e'])]
    if name.startswith('rsa_pss'):
        return ['pss', sha(g), sha(g, 'mgfSha'), str(g['sLen']), number(g['n']), number(g['e'])]
    if name.startswith('rsa_pkcs1'):
        return ['open', number(g['n']), number(g['d'])]
    if name.startswith('rsa_oaep'):
        return ['oaep', sha(g), sha(g, 'mgfSha'), number(g['n']), number(g['d'])]
    if name.startswith('ecdh'):
        return ['ecdh', CURVES[g['curve']]]
    if name.startswith('hmac'):
        return ['hmac', name[5:].upper(), str(g['tagSize'] // 8)]
    if name.startswith('hkdf'):
        return ['hkdf', name[5:].upper()]
    if name.startswith('aes_gcm'):
        return ['gcm', str(g['tagSize'])]
    return [name.split('_')[1] if '_' in name else name]


FIELDS = {
    'ecdsa': ['msg', 'sig'], 'der': ['msg', 'sig'], 'pkcs1': ['msg', 'sig'], 'pss': ['msg', 'sig'],
    'open': ['ct', 'msg'], 'oaep': ['ct', 'msg', 'label'], 'ecdh': ['public', 'private', 'shared'],
    'x25519': ['public', 'private', 'shared'], 'cbc': ['key', 'iv', 'msg', 'ct'],
    'gcm': ['key', 'iv', 'aad', 'msg', 'ct', 'tag'], 'hmac': ['key', 'msg', 'tag'],
    'hkdf': ['ikm', 'salt', 'info', 'okm'],
}


def field(word, key, value):
    return number(value) if word == 'ecdh' and key == 'private' else b(value)


def main(out):
    for name, every_valid, every_invalid in FILES:
        every = {'valid': every_valid, 'invalid': every_invalid, 'acceptable': STEP.get(name, 1)}
        with open(ROOT + name + '_test.json') as f:
            d = json.load(f)
        seen = {'valid': 0, 'invalid': 0, 'acceptable': 0}
        last_head, last = None, None
        out.append(f"# {name}_test.json, generator {d['generatorVersion']}")
        for g in d['testGroups']:
            line = head(name, d, g)
            for t in g['tests']:
                r = t['result']
                seen[r] += 1
                if (seen[r] - 1) % every[r] or int(t.get('size', 0)) > 1000 or len(t.get('iv', '')) > 512:
                    continue
                if line != last_head:
                    out.append(' '.join(line))
                    last_head, last = line, None
                flags = ',' + ','.join(t['flags']) if r == 'acceptable' or 'BER' in t['flags'] else ''
                fields = [field(line[0], k, t[k]) for k in FIELDS[line[0]]]
                short = ['"' if last and v == last[i] and len(v) > 1 else v for i, v in enumerate(fields)]
                last = fields
                out.append(f"{t['tcId']} {r[0]}{flags} " + ' '.join(short))


text = []
main(text)
with open('wycheproof.txt', 'w') as f:
    f.write('# Made by make_wycheproof.py; README.md says from what.\n' + '\n'.join(text) + '\n')
