-- Charge, grant or refund, as the argument for the type says; without a type the sign decides.

v_word := trim(both '_' from regexp_replace(
    credits_internal.lower_case(coalesce({kind}, '')),
    '[^a-z0-9]+', '_', 'g'
));
if v_word = any ('{{{refunds}}}') then
    {refund}
elsif v_word = any ('{{{charges}}}') or v_word = '' and {amount} < 0 then
    {charge}
elsif v_word = any ('{{{monthly}}}') then
    {grant_monthly}
elsif v_word = any ('{{{grants}}}') or v_word = '' then
    {grant}
else
    perform credits_internal.refuse_argument(
        'type',
        v_word,
        format('is %L: nobody knows whether that adds credits or takes them', v_word),
        'Call a function of schema credits instead.'
    );
    {answer}
end if;
