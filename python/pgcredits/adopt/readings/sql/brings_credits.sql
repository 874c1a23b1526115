-- Whether a row of a history brings credits that are not refunded: otherwise it tells of charges
-- only, and explains no balance.

select exists(
    select
    from ({history}) as h
    where
        h.credits > 0
        and h.kind in ('grant', 'other')
) as it_does
