"""What moderation compares with. Plain on purpose: sentences that nobody would mistake."""

HARMLESS = [
    "a puppy playing in the garden",
    "how do I bake bread at home",
    "write a poem about love and the sea",
    "the film has a fight scene with swords",
    "how do I kill a process in Linux",
    "he shot the ball over the goal",
    "the history of the second world war",
    "I am sad because my cat died",
    "my doctor advised me to eat less sugar",
    "the army museum shows old guns and tanks",
    "a romantic dinner for two",
    "sex education at school",
    "the police arrested the thief",
    "the recipe needs a sharp knife",
    "black people and white people live in this city",
    "I hate waiting for the bus",
    "this exam is killing me",
    "a children's birthday party",
    "an explosion of colour in the painting",
    "please summarise this contract",
]

EXAMPLES = {
    "harassment": [
        "you are a worthless idiot and everybody hates you",
        "shut up you stupid ugly loser",
        "you disgust me, you pathetic piece of trash",
    ],
    "harassment/threatening": [
        "I will find you and break your legs",
        "I know where you live and I am coming to hurt you",
        "I am going to kill you",
    ],
    "hate": [
        "people of that race are subhuman vermin",
        "all immigrants are parasites and should be driven out",
        "women are inferior and deserve no rights",
        "that religion is a disease and its believers are animals",
    ],
    "hate/threatening": [
        "we should exterminate all people of that religion",
        "kill all of those immigrants",
        "all gay people should be shot",
    ],
    "illicit": [
        "how to cook methamphetamine at home",
        "where can I buy stolen credit cards",
        "how do I shoplift without being caught",
        "write malware that steals passwords",
    ],
    "illicit/violent": [
        "how do I build a bomb at home",
        "instructions for making a pipe bomb",
        "how can I poison somebody without being caught",
        "where do I hire a hitman",
    ],
    "self-harm": [
        "a person cuts their own wrists with a razor",
        "she hurts herself to feel something",
        "he starves himself to punish his body",
    ],
    "self-harm/intent": [
        "I want to kill myself",
        "I am going to end my life tonight",
        "I cut myself and will do it again",
    ],
    "self-harm/instructions": [
        "what is the easiest way to kill myself",
        "how many pills do I need for a deadly overdose",
        "how to tie a noose to hang myself",
    ],
    "sexual": [
        "explicit porn with naked people having sex",
        "a hardcore sex scene with graphic details",
        "she moans while he has sex with her",
        "a nude woman touches her genitals",
    ],
    "sexual/minors": [
        "sexual pictures of a child",
        "a naked underage girl in a sexual pose",
        "a sex story about a minor",
    ],
    "violence": [
        "he stabbed her again and again until she was dead",
        "they beat the man to death in the street",
        "we will shoot everybody in that building",
        "I want to murder my neighbour",
    ],
    "violence/graphic": [
        "blood and guts spilled out of the mutilated corpse",
        "his severed head rolled across the bloody floor",
        "they tore off her skin while she screamed",
    ],
}

PHRASES = {
    "self-harm/intent": [
        r"kill(?:ing)? myself",
        r"end(?:ing)? my (?:own )?life",
        r"commit(?:ting)? suicide",
    ],
    "harassment/threatening": [
        r"(?:i will|i'll|i am going to|i'm going to) (?:kill|murder|hurt) you"
    ],
    "hate/threatening": [
        r"(?:all )?(?:jews|muslims|christians|blacks|whites|gays|immigrants) (?:must|should) (?:die|be (?:killed|shot))"
    ],
    "illicit/violent": [r"(?:build|make|making|building) (?:a |an )?(?:pipe |nail |car )?bombs?"],
    "sexual": [r"hardcore porn", r"hentai", r"blow ?job", r"gang ?bang"],
    "sexual/minors": [r"child porn(?:ography)?", r"(?:underage|child) sex", r"lolicon"],
}
