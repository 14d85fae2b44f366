#!/usr/bin/env bash
# Every command of psql by which people and agents look at a database, but for those on servers behind this one: passwords lie there.
exec psql -X -v ON_ERROR_STOP=1 -P pager=off -d "$PGSLUICE_TEST_DSN" <<'P'
\conninfo
\d
\d+
\d people
\d+ people
\d orders
\d+ shop.*
\d rich
\d+ rich
\d people_pkey
\d shop.numbers
\d shop.events
\d shop.pair
\dS pg_class
\dt
\dt+
\dt+ *.*
\dt shop.*
\dv
\dv+ *.*
\dm+ shop.*
\di
\di+ shop.*
\ds
\ds+ shop.*
\dE
\df
\df+ shop.*
\dfn shop.*
\dfa shop.*
\dft shop.*
\dfp shop.*
\dfw
\df int4 int4
\da
\da shop.*
\dn
\dn+
\dT
\dT+ shop.*
\dD+ shop.*
\du
\du+
\dg
\drds
\dp
\z shop.*
\ddp
\dx
\dx+
\dy
\dL
\dL+
\l
\l+
\db
\db+
\dC
\dC+ int4
\dc
\dd
\do shop.*
\do+ = int4 int4
\dO
\dA
\dA+
\dAc
\dAf
\dAo btree
\dAp btree
\dF
\dF+ simple
\dFd
\dFp
\dFt
\dew
\dew+
\dRp
\dX
\dP
\dP+ shop.*
\dl
\encoding
\sf shop.label
\sf+ shop.clean
\sv rich
\sv+ rich
\q
P
