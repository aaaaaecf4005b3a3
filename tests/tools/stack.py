#!/usr/bin/env python3
"""stack.py: the deepest stack of a C file, by the calls that gcc saw in it. SPDX-License-Identifier: 0BSD

    stack.py GRAPH SOURCE [MOST]    GRAPH: from gcc -fcallgraph-info=su; more than MOST bytes: fails

What is called by a pointer is looked up in SOURCE: each function that a table has under the member's name; for
any other pointer each function that is given away somewhere and takes as many parameters. One driver is at work
at a time: no driver calls another. So the figure is a bound. What other libraries take below their own functions
is not in it. It prints the bytes and the frames of the deepest calls: of all, and of those that end in mbedTLS.
"""
import bisect
import re
import sys

graph, path = sys.argv[1:3]
most = int((sys.argv[3:] or [1 << 30])[0])
source = open(path, encoding='utf-8').read()
lines = source.splitlines()
code = re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', lambda m: ' ' * len(m.group()), source, flags=re.S)


def parts(text, at):
    """How many words between commas there are in the parentheses that begin at text[at]."""
    depth, n, empty = 0, 1, True
    for c in text[at:]:
        depth += (c in '([{') - (c in ')]}')
        if depth == 0:
            return 0 if empty else n
        n += c == ',' and depth == 1
        empty = empty and c in '( \n'
    return n


frames, calls, pointed = {}, {}, {}
for line in open(graph, encoding='utf-8'):
    found = re.match(r'node: .*title: "([^"]*)" label: "[^"]*?(?:\\n(\d+) bytes[^"]*)?"', line)
    if found:
        frames[found[1]] = int(found[2] or 0)
    found = re.match(r'edge: .*sourcename: "([^"]*)" targetname: "([^"]*)" label: "[^"]*:(\d+):\d+"', line)
    if found and found[2] == '__indirect_call':
        pointed.setdefault(found[1], set()).add(int(found[3]))
    elif found:
        calls.setdefault(found[1], set()).add(found[2])

name = {f: re.sub(r'\.(part|isra|constprop|cold)\b.*', '', f.rsplit(':', 1)[-1]) for f in frames}
by_name = {}
for f in frames:
    by_name.setdefault(name[f], set()).add(f)
heads = [(m.start(), m[1], parts(code, m.end() - 1))
         for m in re.finditer(r'^[a-zA-Z][^\n;={}()]*?\b(\w+)\((?=[^;{}]*\)\n\{)', code, re.M)]
head_starts = [h[0] for h in heads]
takes = {f: n for _, f, n in heads}


def inside(at):
    """What stands in the braces that begin at code[at]."""
    depth = 0
    for end in range(at, len(code)):
        depth += (code[end] == '{') - (code[end] == '}')
        if depth == 0:
            return code[at:end]
    return code[at:]


# What members of each struct are set to: in tables, and one by one.
tables, of_type, set_alone = {}, {}, {}
bodies = [(m[1] or m[2], inside(m.end()))
          for m in re.finditer(r'struct (\w+) \w+(?:\[\w*\])? = (?=\{)|\(struct (\w+)\)(?=\{)', code)]
for m in re.finditer(r'^static const struct (\w+) (?=\{)', code, re.M):      # a struct, and its table at once
    end = m.end() + len(inside(m.end())) + 1
    table = re.match(r' \w+(?:\[\w*\])? = ', code[end:])
    if table:
        bodies.append((m[1], inside(end + table.end())))
for kind, body in bodies:
    for member, f in re.findall(r'\.(\w+)\s*=\s*(\w+)', body):
        if f in by_name:
            tables.setdefault((kind, member), set()).add(f)
    of_type.setdefault(kind, set()).update(f for f in re.findall(r'(?<![.\w])(\w+)(?!\w*\s*[(=])', body) if f in takes)
for member, f in re.findall(r'(?:->|\w\.)(\w+) = (\w+);', code):
    if f in by_name:
        set_alone.setdefault(member, set()).add(f)
given = {f for f in re.findall(r'[(,?:={]\s*&?(\w+)(?=\s*[,):;}])', code) if f in by_name and f in takes}
kinds = {}
for kind, word in re.findall(r'struct (\w+) \*?(\w+)\b', code):
    kinds.setdefault(word, set()).add(kind)
starts = [0]
for line in lines:
    starts.append(starts[-1] + len(line) + 1)


def around(at):
    return heads[bisect.bisect(head_starts, at) - 1][1]


def arguments(function, up=2):
    """The functions that a function is given by those who call it, or by those who call them."""
    words = set()
    for m in re.finditer(r'\b%s\(' % function, code):
        caller, depth, end = around(m.start()), 1, m.end()
        if caller == function:
            continue
        while depth:
            depth += (code[end] == '(') - (code[end] == ')')
            end += 1
        here = set(re.findall(r'\w+', code[m.end():end])) & given
        words |= here or (arguments(caller, up - 1) if up else here)
    return words


OUTSIDE = ('app', 'now', 'tell', 'secure')      # pointers of that name, or in it, are the application's, or not set as yet


def targets(line):
    """The functions that calls by pointers on a line can reach."""
    begin, reached = starts[line - 1], set()
    for m in re.finditer(r'(?:(\w+)(?:\([^()]*\)|\[[^]]*\])?(?:->|\.))?\b(\w+)\(|\(([^()]*\?[^()]*)\)\(',
                         code[begin:code.index(';', begin)]):
        owner, called, choice = m.groups()
        n = parts(code, begin + m.end() - 1)
        if choice:
            reached |= set(re.findall(r'\w+', choice)) & set(by_name)
        elif owner in OUTSIDE or called in OUTSIDE:
            continue
        elif owner and called not in takes:
            known = len(reached)
            reached |= set_alone.get(called, set())
            for kind in kinds.get(owner, ()):
                reached |= tables.get((kind, called), set())
                reached |= {f for f in of_type.get(kind, ()) if takes[f] == n and (kind, called) not in tables}
            if len(reached) == known:
                reached |= {f for f in given if takes[f] == n}
        elif called not in takes and called not in by_name:
            passed = {f for f in arguments(around(begin)) if takes[f] == n}
            reached |= passed or {f for f in given if takes[f] == n}
    return {f for r in reached for f in by_name.get(r, ())}


nowhere = set()
for f, sites in pointed.items():
    for line in sites:
        reached = targets(line)
        calls.setdefault(f, set()).update(reached)
        if not reached:
            nowhere.add(line)


def is_mbedtls(f):
    return f.startswith(('psa_', 'mbedtls_'))


drivers = re.findall(r'struct driver driver_(\w+) =', code)


def driver_of(f):
    return next((d for d in drivers if name.get(f, f).startswith(d)), None)


best, round_trips = {}, set()


def deepest(f, on_path, ends, driver):
    """The bytes below and with f, and the path; None: no call that ends as it is asked."""
    if (f, ends, driver) in best:
        return best[f, ends, driver]
    below = (0, ()) if ends is None else (0, (f,)) if ends(f) else None
    for g in calls.get(f, ()):
        if driver_of(g) not in (None, driver):
            continue
        if g in on_path:
            round_trips.add(name.get(g, g))
            continue
        there = deepest(g, on_path | {g}, ends, driver)
        if there and (below is None or there[0] > below[0]):
            below = there
    result = None if below is None else (frames.get(f, 0) + below[0], (f,) + below[1])
    best[f, ends, driver] = result
    return result


sys.setrecursionlimit(10000)


def show(what, ends):
    roots = [deepest(f, frozenset([f]), ends, d) for d in drivers for f in frames if driver_of(f) in (None, d)]
    total, way = max(r for r in roots if r)
    print('%8d bytes of stack, %s: %s' % (total, what, ' '.join(
        '%s %d' % (name.get(f, f), frames.get(f, 0)) for f in dict.fromkeys(way) if frames.get(f, 0) or f == way[-1])))
    return total


whole = show('at most', None)
show('down to a function of mbedTLS', is_mbedtls)
if round_trips:
    print('functions that call themselves, counted once: ' + ' '.join(sorted(round_trips)))
for line in sorted(nowhere):
    print('a pointer to what is not in this file: ' + lines[line - 1].strip())
if whole > most:
    sys.exit('stack.py: more than %d bytes of stack' % most)
