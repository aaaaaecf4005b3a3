#!/bin/sh
# bench_draw.sh: tests/data/bench.svg and bench.png, which README shows, from tests/data/bench.tsv (bench.sh keep).
# SPDX-License-Identifier: 0BSD
# Packages: gnuplot-nox
cd "$(dirname "$0")/../.." || exit 1
data=${1:-tests/data/bench.tsv} picture=${2:-tests/data/bench}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# panel <card> <delay>: a line for each scene: its name, and the seconds of each module; "-" where one cannot.
# What happens once, a gap, and what each further signature takes.
panel() {
    awk -F '\t' -v card="$1" -v delay="$2" '
        BEGIN {
            n = split("list objects first_RSA-2048 first_P-256 insert - further_RSA-2048 further_P-256 " \
                "further_P-384 two_readers_P-256 8_threads_P-256", scene, " ")
            split("list tokens|list objects|log in, RSA|log in, P-256|insertion| |RSA-2048|P-256|P-384|" \
                "2 readers|8 threads", name, "|")
            split("scard11 opensc ykcs11", module, " ")
        }
        $1 == card && $3 == delay {
            each = $6 && $2 !~ /^first/ ? $6 : 1        # signatures one by one
            s[$2, $4] = $11 / 1000 / each
        }
        END {
            for (i = 1; i <= n; i++) {
                printf "\"%s\"", name[i]
                for (m = 1; m <= 3; m++) printf "\t%s", (scene[i], module[m]) in s ? s[scene[i], module[m]] : "-"
                print ""
            }
        }' "$data" > "$dir/$1.$2"
}
for card in PIV MyEID; do for delay in 0 5 45; do panel $card $delay; done; done
about() { sed -n "s/^# $1	//p" "$data"; }
opensc=$(about opensc | sed 's/-.*//') ykcs11=$(about ykcs11 | sed 's/-.*//')

plot() {        # plot <terminal> <file>
    gnuplot 2>"$dir/said" <<END
set terminal $1
set output "$2"
set datafile missing "-"
set datafile separator "\t"
set logscale y
set style data histograms
set style histogram clustered gap 1
set style fill solid 1.0 noborder
set boxwidth 0.92 relative
set border 3 lc rgb "#888888"
set tics nomirror textcolor rgb "#333333" scale 0.5
set xtics rotate by 32 right scale 0 offset 0.6,0.2
set grid ytics lc rgb "#dddddd" lt 1
set xrange [-0.6:10.6]
set multiplot layout 3,2 margins 0.075,0.99,0.125,0.915 spacing 0.075,0.05
set key off
set format y "%.0s %cs"
set label 1 "Time on a logarithmic scale: less is better" at screen 0.012,0.973 font ",13"
set label 4 "■ scard11" at screen 0.58,0.973 font ",13" textcolor rgb "#0b6fb8"
set label 5 "■ OpenSC $opensc" at screen 0.69,0.973 font ",13" textcolor rgb "#c97410"
set label 6 "■ ykcs11 $ykcs11" at screen 0.855,0.973 font ",13" textcolor rgb "#7d838a"
row(d) = d == 0 ? "a command takes no time" : sprintf("a command takes %d ms", d)
do for [delay in "0 5 45"] {
    set yrange [delay eq "0" ? 0.00005 : delay eq "5" ? 0.002 : 0.02 : delay eq "0" ? 0.3 : delay eq "5" ? 3 : 20]
    do for [card in "PIV MyEID"] {
        file = "$dir/".card.".".delay
        set title card.(card eq "PIV" ? " (YubiKey)" : " (OsEID)").": ".row(delay + 0) offset 0,-0.6 font ",12"
        if (delay eq "45") {
            set label 2 "once" at 2, graph -0.42 center textcolor rgb "#333333"
            set label 3 "each further signature" at 8, graph -0.42 center textcolor rgb "#333333"
            plot file using 2:xtic(1) lc rgb "#0b6fb8", file using 3 lc rgb "#e08a1e", file using 4 lc rgb "#9aa0a6"
        } else {
            set xtics ("" 0)
            plot file using 2 lc rgb "#0b6fb8", file using 3 lc rgb "#e08a1e", file using 4 lc rgb "#9aa0a6"
            set xtics autofreq
        }
        do for [i = 1:6] { unset label i }
    }
}
unset multiplot
END
    rc=$?
    grep -v 'no valid points' "$dir/said" | grep . >&2     # ykcs11 knows one of the cards
    return $rc
}
plot 'svg size 1000,900 font "sans-serif,12" background rgb "white"' "$picture.svg" &&
    plot 'pngcairo size 1000,900 font "DejaVu Sans,10"' "$picture.png" || exit 1
echo "<!-- of $(cksum < "$data") -->" >> "$picture.svg"      # bench_readme.sh looks for it
