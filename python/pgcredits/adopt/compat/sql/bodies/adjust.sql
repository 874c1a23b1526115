-- Charge, grant or refund, as the argument for the type says.

v_word := trim(both '_' from regexp_replace(
    credits_internal.lower_case(coalesce({kind}, '')),
    '[^a-z0-9]+', '_', 'g'
));
v_meaning := {meaning};
if v_meaning = 'refund' then
    {refund}
elsif {charges} then
    {charge}
elsif v_meaning = 'monthly' then
    {grant_monthly}
elsif {grants} then
    {grant}
end if;
perform credits_internal.refuse_argument(
    'type',
    v_word,
    format('is %L: nobody knows whether that adds credits or takes them', v_word),
    'Call a function of schema credits instead.'
);
