# SPDX-License-Identifier: Apache-2.0
use strict; use warnings; use POSIX qw(:sys_wait_h mkfifo); use Fcntl qw(:flock :mode); use IO::Handle; use Socket;
chdir "/tmp" or die; $| = 1;
open(my $f, "+>", "data") or die; print $f "line $_\n" for 1 .. 1000; seek($f, 0, 0); my $n = () = <$f>; print "lines $n\n";
truncate($f, 100); print "size ", -s "data", "\n"; flock($f, LOCK_EX) or die; close $f;
pipe(my $r, my $w); my $pid = fork(); if (!$pid) { close $r; print $w "from the child\n"; exit 4 } close $w; print scalar <$r>; waitpid($pid, 0); print "status ", $? >> 8, "\n";
my @pids = map { my $p = fork(); if (!$p) { exit $_ } $p } 1 .. 20; my $sum = 0; for (@pids) { waitpid($_, 0); $sum += $? >> 8 } print "sum $sum\n";
local $SIG{ALRM} = sub { die "alarm\n" }; eval { alarm 1; select(undef, undef, undef, 5); }; print "caught $@";
my $chld = 0; local $SIG{CHLD} = sub { $chld++ while waitpid(-1, WNOHANG) > 0 }; if (!fork()) { exit 0 } select(undef, undef, undef, 0.05) for 1 .. 60; print "children $chld\n"; $SIG{CHLD} = 'DEFAULT';
socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, 0) or die; syswrite($a, "pair"); sysread($b, my $got, 10); print "$got\n";
symlink "data", "link"; print readlink("link"), " ", -l "link" ? 1 : 0, "\n"; rename "data", "other"; print -e "link" ? "there" : "dangling", "\n";
mkdir "d", 0700; printf "%o\n", (stat "d")[2]; utime 1, 2, "other"; print join(" ", (stat "other")[8, 9]), "\n"; opendir(my $d, "."); print join(",", sort grep { /^[dlo]/ } readdir $d), "\n";
print `echo from a shell; exit 2`, $? >> 8, "\n"; my ($u, $s) = times; print $u >= 0 ? "times\n" : ""; exec "echo", "the last" or die;
