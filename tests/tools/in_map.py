#!/usr/bin/env python3
"""in_map.py: what an object takes in a program, by the linker's map. SPDX-License-Identifier: 0BSD

    in_map.py MAP OBJECT    prints the bytes of code and constants, and of static RAM
"""
import re
import sys

path, name = sys.argv[1:]
text = open(path, encoding='utf-8').read().split('Linker script and memory map', 1)[1]
sizes, section = {}, ''
for line in re.sub(r'\n {16,}(?=0x)', ' ', text).splitlines():      # a long name has a line of its own
    if line.startswith('.'):
        section = line.split()[0]
    found = re.match(r' \S+ +0x[0-9a-f]+ +0x([0-9a-f]+) \S*/' + re.escape(name) + '$', line)
    if found:
        sizes[section] = sizes.get(section, 0) + int(found.group(1), 16)
constant = ['.text', '.rodata', '.data', '.data.rel.ro', '.eh_frame']
print(sum(sizes.get(s, 0) for s in constant), sum(sizes.get(s, 0) for s in ['.data', '.bss']))
