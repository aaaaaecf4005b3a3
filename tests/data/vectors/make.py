#!/usr/bin/env python3
# make.py: makes the files of this directory from Debian's package python3-cryptography-vectors (38.0.4).
# Run it here, after: apt-get install python3-cryptography-vectors
# SPDX-License-Identifier: 0BSD
import re, sys

ROOT = '/usr/lib/python3/dist-packages/cryptography_vectors/'
if len(sys.argv) > 1:
    ROOT = sys.argv[1]

HASHES = ['SHA1', 'SHA224', 'SHA256', 'SHA384', 'SHA512']


def lines(name):
    with open(ROOT + name, encoding='latin-1') as f:
        return [line.strip() for line in f]


def h(text):                            # hex in an even number of digits, '-' for nothing
    text = text.replace(' ', '').lower()
    return ('0' if len(text) % 2 else '') + text or '-'


def number(text):                       # without leading zeros
    return h(text.lstrip('0') or '0')


def records(name):                      # each line of name = value: [section], name, all values so far
    section, fields = '', {}
    for line in lines(name):
        if line.startswith('['):
            section = line.strip('[]')
        elif ' = ' in line:
            key, value = line.split(' = ', 1)
            fields[key] = value
            yield section, key, dict(fields)


def hashes(out):
    for name in HASHES:
        base = 'hashes/' + ('SHA1/' if name == 'SHA1' else 'SHA2/') + name
        for kind, step in (('ShortMsg', 1 if len(name) < 5 or name < 'SHA3' else 2), ('LongMsg', 32)):
            n = 0
            for _, key, f in records(base + kind + '.rsp'):
                if key != 'MD':
                    continue
                if n % step == 0:
                    out.append(f"hash {name} {h(f['Msg'][:int(f['Len']) // 4])} {h(f['MD'])}")
                n += 1
        for _, key, f in records(base + 'Monte.rsp'):
            if key == 'Seed':
                out.append(f"seed {name} {h(f['Seed'])}")
            if key == 'MD':
                out.append(f"monte {name} {h(f['MD'])}")


def rsa(out, name, pad):
    known = None
    for section, key, f in records(name):
        if key != 'Result' or section != 'mod = 2048':
            continue
        if f['n'] != known:
            known = f['n']
            out.append(f'key {number(known)} -')
        salt = len(f['SaltVal']) // 2 if pad == 'pss' else 0
        out.append(f"verify {pad} {f['SHAAlg']} {salt} {number(f['e'])} {h(f['Msg'])} {h(f['S'])} {f['Result'][0]}")


def ecdsa(out):
    pairs = ['P-256,SHA-1', 'P-256,SHA-256', 'P-256,SHA-512', 'P-384,SHA-256', 'P-384,SHA-384',
             'P-521,SHA-384', 'P-521,SHA-512']
    for section, key, f in records('asymmetric/ECDSA/FIPS_186-3/SigVer.rsp'):
        if key != 'Result' or section not in pairs:
            continue
        curve, name = section.split(',')
        out.append(f"ecdsa {curve} {name.replace('-', '')} {h(f['Qx'])} {h(f['Qy'])} {h(f['Msg'])} "
                   f"{h(f['R'])} {h(f['S'])} {f['Result'][0]}")


def fields_under(name):                 # "# Title:" and the lines below it, joined
    title, value = None, ''
    for line in lines(name) + ['# end:']:
        m = re.match(r'#+ ?(.*?):?$', line)
        if m:
            if title and value:
                yield title, value
            title, value = m.group(1), ''
        else:
            value += line.replace(' ', '')


def decrypt(out, name, word, keep):     # of each key the first four
    key, shown, message, count, of_key = {}, False, '', 0, 0
    for title, value in fields_under(name):
        if title == 'Modulus':
            key, shown, of_key = {'n': value}, False, 0
        elif title in ('Exponent', 'Private exponent') and 'd' not in key and len(value) > 20:
            key['d'] = value
        elif title == 'Message':
            message = value
        elif title in ('Encryption', 'Ciphertext') and 'd' in key:
            bits = int(key['n'], 16).bit_length()
            if bits not in keep or of_key == 4:
                continue
            if not shown:
                out.append(f"key {number(key['n'])} {number(key['d'])}")
                shown = True
            out.append(f'{word} {h(message)} {h(value)}')
            count, of_key = count + 1, of_key + 1
    if not count:
        sys.exit(name + ': nothing found')


def write(name, about, make):
    out = []
    make(out)
    with open(name, 'w') as f:
        f.write(f'# {about}. Made by make.py; README.md says from what.\n')
        f.writelines(line + '\n' for line in out)


def all_rsa(out):
    rsa(out, 'asymmetric/RSA/FIPS_186-2/SigVer15_186-3.rsp', 'pkcs1')
    rsa(out, 'asymmetric/RSA/SigVer15EMTest.txt', 'pkcs1')
    rsa(out, 'asymmetric/RSA/FIPS_186-2/SigVerPSS_186-3.rsp', 'pss')


def all_decrypt(out):
    decrypt(out, 'asymmetric/RSA/pkcs1v15crypt-vectors.txt', 'pkcs1', (1024, 1536, 2048))
    for pair in ('sha1-sha256', 'sha256-sha256', 'sha384-sha384', 'sha512-sha512'):
        b, a = pair.upper().split('-')      # the files are named by MGF and hash
        decrypt(out, f'asymmetric/RSA/oaep-custom/oaep-{pair}.txt', f'oaep {a} {b}', (1536, 2048))


write('hash.txt', 'Digests', hashes)
write('rsa.txt', 'RSA signatures to verify, right and wrong', all_rsa)
write('ecdsa.txt', 'ECDSA signatures to verify, right and wrong', ecdsa)
write('decrypt.txt', 'RSA cryptograms and what they hold', all_decrypt)
