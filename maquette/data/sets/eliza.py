"""Scripts for ELIZA that are Maquette's own, each with a conversation that it was written for.

`LISTENER` has the parts that Weizenbaum's DOCTOR has, in other words, and stands in for it. `COURSE` gives the
conversation that the course prints, with its mistake: a rule adds "or not" to a question that ended so.
"""

LISTENER = """\
; A listener for ELIZA, in the format of 1966. Maquette's own; Apache-2.0.

(GOOD DAY. WHAT WOULD YOU LIKE TO TALK ABOUT)

START

; words that are only replaced
(ME = YOU)
(MYSELF = YOURSELF)
(YOURSELF = MYSELF)
(CANT = CAN'T)
(DONT = DON'T)
(WONT = WON'T)

; words that have a tag
(MOTHER DLIST(/PERSON FAMILY))
(FATHER DLIST(/PERSON FAMILY))
(MUM = MOTHER DLIST(/FAMILY))
(DAD = FATHER DLIST(/FAMILY))
(SISTER DLIST(/PERSON FAMILY))
(BROTHER DLIST(/PERSON FAMILY))
(SON DLIST(/PERSON FAMILY))
(DAUGHTER DLIST(/PERSON FAMILY))
(FRIEND DLIST(/PERSON))
(TEACHER DLIST(/PERSON))
(HOPE DLIST(/MIND))
(THINK DLIST(/MIND))
(BELIEVE DLIST(/MIND))

(HELLO
    ((0)
        (GOOD DAY TO YOU. WHAT BRINGS YOU HERE)
        (WE HAVE GREETED EACH OTHER ALREADY)))
(HI (=HELLO))

(YES
    ((0)
        (THAT IS CLEAR)
        (HOW CAN YOU BE SO CERTAIN)
        (GO ON FROM THERE)))
(NO
    ((0)
        (NOT EVEN A LITTLE)
        (YOU SAY NO QUICKLY)
        (WHAT WOULD MAKE IT A YES)))

(PERHAPS
    ((0)
        (WHAT WOULD MAKE YOU CERTAIN)
        (YOU LEAVE IT OPEN)
        (AND PERHAPS NOT)))
(MAYBE (=PERHAPS))

(SORRY 4
    ((0)
        (THERE IS NO NEED TO BE SORRY)
        (WHOM DO YOU SAY THAT TO MOST OFTEN)
        (NEWKEY)))

(ROBOT 40
    ((0)
        (HOW DO YOU FEEL ABOUT TALKING TO A MACHINE)
        (WHAT COULD A MACHINE KNOW OF YOU)
        (WOULD YOU TELL A PERSON THE SAME)))
(ROBOTS = ROBOT 40 (=ROBOT))
(PROGRAM 40 (=ROBOT))

(REMEMBER 6
    ((0 YOU REMEMBER 0)
        (WHAT BRINGS 4 TO MIND)
        (WHAT ELSE BELONGS TO THAT MEMORY)
        (WHEN DID YOU LAST THINK OF 4))
    ((0 DO I REMEMBER 0)
        (WHY SHOULD I HAVE FORGOTTEN 5)
        (=WHAT))
    ((0)
        (NEWKEY)))

(DREAM 5
    ((0 YOU DREAM OF 0)
        (WHO ELSE IS IN THE DREAM OF 5)
        (WHAT DO YOU MAKE OF 5))
    ((0)
        (TELL ME HOW THE DREAM ENDED)
        (NEWKEY)))
(DREAMS = DREAM 5 (=DREAM))
(DREAMED = DREAM 5 (=DREAM))

(IF 3
    ((0 IF 0)
        (HOW LIKELY IS IT THAT 3)
        (SUPPOSE THAT 3 - WHAT THEN)
        (DO YOU WANT THAT 3)))

(EVERYBODY 2
    ((0 (* EVERYBODY EVERYONE NOBODY) 0)
        (2 - WITHOUT ONE EXCEPTION)
        (WHOM DO YOU HAVE IN MIND)
        (WHO WAS THE LAST ONE)))
(EVERYONE 2 (=EVERYBODY))
(NOBODY 2 (=EVERYBODY))

(NEVER 1
    ((0)
        (NOT ONCE)
        (WHEN DID IT COME CLOSE TO HAPPENING)))
(ALWAYS 1
    ((0)
        (WHEN WAS THE LAST TIME)
        (IS THERE NO TIME WHEN IT IS DIFFERENT)))

(LIKE 9
    ((0 (*IS ARE WAS AM) 0 LIKE 0)
        (=SAME))
    ((0)
        (NEWKEY)))
(SAME 9
    ((0)
        (WHAT DO THEY HAVE IN COMMON)
        (WHERE DOES THE LIKENESS END)
        (WHO ELSE SEES IT SO)))

(WHAT
    ((0)
        (WHAT DO YOU EXPECT ME TO SAY)
        (WHAT WOULD CHANGE IF YOU KNEW)
        (WHO ELSE COULD TELL YOU)
        (WHICH ANSWER WOULD SURPRISE YOU)))
(HOW (=WHAT))
(WHEN (=WHAT))
(WHY
    ((0 WHY DON'T I 0)
        (IS IT FOR ME TO 5)
        (SHALL WE SAY THAT I WILL 5 LATER)
        (=WHAT))
    ((0 WHY CAN'T YOU 0)
        (WHAT WOULD HELP YOU TO 5)
        (=WHAT))
    (=WHAT))

(BECAUSE
    ((0)
        (IS THAT ALL OF THE REASON)
        (WHICH REASON COMES NEXT)
        (WHO GAVE YOU THAT REASON)))

(AM = ARE
    ((0 ARE YOU 0)
        (WHO COULD SAY WHETHER YOU ARE 4)
        (WOULD IT HELP TO BE 4)
        (=WHAT))
    ((0)
        (I DO NOT FOLLOW)))
(ARE
    ((0 ARE I 0)
        (WHY WOULD IT MATTER WHETHER I AM 4)
        (SUPPOSE THAT I AM 4)
        (=WHAT))
    ((0 ARE 0)
        (WHAT IF THEY WERE NOT 3)
        (PERHAPS THEY ARE 3)))

(YOU'RE = I'M
    ((0 I'M 0)
        (PRE (I ARE 3) (=YOU))))
(I'M = YOU'RE
    ((0 YOU'RE 0)
        (PRE (YOU ARE 3) (=I))))

(I = YOU
    ((0 YOU (* WANT NEED) 0)
        (WHAT WOULD CHANGE WITH 4)
        (WHO COULD GIVE YOU 4)
        (AND IF YOU NEVER GET 4))
    ((0 YOU ARE 0 (*SAD LONELY TIRED AFRAID) 0)
        (SINCE WHEN ARE YOU 5)
        (WHAT MAKES IT HARD NOT TO BE 5)
        (WHO KNOWS THAT YOU ARE 5))
    ((0 YOU (/MIND) YOU 0)
        (YOU SAY THAT YOU 3 SO)
        (WHAT SPEAKS FOR IT THAT YOU 5))
    ((0 YOU 0 (/MIND) 0 I 0)
        (=YOU))
    ((0 YOU ARE 0)
        (HOW LONG HAVE YOU BEEN 4)
        (IS IT GOOD TO BE 4))
    ((0 YOU (* CAN'T CANNOT) 0)
        (WHAT KEEPS YOU FROM IT)
        (SUPPOSE YOU COULD 4))
    ((0 YOU DON'T 0)
        (NOT AT ALL)
        (DID YOU EVER 4))
    ((0 YOU 0 I 0)
        (DO WE 3 EACH OTHER)
        (WHOM ELSE DO YOU 3))
    ((0)
        (SO 1)
        (SAY MORE OF THAT)
        (WHY DO YOU TELL ME THAT 1)))

(YOU = I
    ((0 I REMIND YOU OF 0)
        (=SAME))
    ((0 I ARE 0)
        (WHAT MAKES YOU SAY THAT I AM 4)
        (WOULD YOU LIKE TO BE 4))
    ((0 I 0 YOU)
        (WHAT MAKES IT SEEM THAT I 3 YOU)
        (YOU BELIEVE THAT I 3 YOU)
        (AND IF I 3 YOU - WHAT THEN))
    ((0 I 0)
        (LET US SPEAK OF YOU)
        (SO I 3)))

(YOUR = MY
    ((0 MY 0)
        (WHY DOES MY 3 MATTER)
        (AND YOUR OWN 3)))

(MY = YOUR 2
    ((0 YOUR 0 (/FAMILY) 0)
        (TELL ME WHO IS IN YOUR FAMILY)
        (YOUR 4)
        (WHO ELSE IN YOUR FAMILY 5))
    ((0 YOUR 0 (/PERSON) 0)
        (HOW LONG HAVE YOU KNOWN YOUR 4)
        (WHAT WOULD YOUR 4 SAY TO THAT))
    ((0 YOUR 0)
        (YOUR 3)
        (WHY DO YOU SPEAK OF YOUR 3)
        (WHAT ELSE IS YOURS)))

(CAN
    ((0 CAN I 0)
        (WHAT IF I COULD 4)
        (=WHAT))
    ((0 CAN YOU 0)
        (NOBODY KNOWS THAT BETTER THAN YOU)
        (WHEN DID YOU LAST TRY TO 4)))

(MEMORY MY
    (0 YOUR 0 = LET US COME BACK TO YOUR 3)
    (0 YOUR 0 = A WHILE AGO YOU SPOKE OF YOUR 3)
    (0 YOUR 0 = AND YOUR 3)
    (0 YOUR 0 = IS IT ALL BECAUSE YOUR 3))

(NONE
    ((0)
        (PLEASE SAY MORE)
        (I AM LISTENING)
        (WHAT DOES THAT MEAN TO YOU)
        (LET US STAY WITH THAT)))

()
"""

LISTENER_TALK = """\
Hello.
GOOD DAY TO YOU. WHAT BRINGS YOU HERE
It is late, and my brother never calls me.
TELL ME WHO IS IN YOUR FAMILY
The house is quiet.
AND YOUR BROTHER NEVER CALLS YOU
He is like my father.
WHAT DO THEY HAVE IN COMMON
I'm lonely.
SINCE WHEN ARE YOU LONELY
I need some company but I am tired.
WHAT WOULD CHANGE WITH SOME COMPANY
You're very patient.
WHAT MAKES YOU SAY THAT I AM VERY PATIENT
Do you remember what I said?
WHY SHOULD I HAVE FORGOTTEN WHAT YOU SAID
You don't understand me.
WHAT MAKES IT SEEM THAT I DON'T UNDERSTAND YOU
Everyone says that robots are the future.
HOW DO YOU FEEL ABOUT TALKING TO A MACHINE
My dad told me so.
YOUR FATHER
Perhaps.
WHAT WOULD MAKE YOU CERTAIN
Sorry!
THERE IS NO NEED TO BE SORRY
It rains.
PLEASE SAY MORE
Nothing helps.
AND YOUR FATHER TOLD YOU SO
"""

COURSE = """\
; The ELIZA of the course, so far as its conversation shows it. Maquette's own; Apache-2.0.
; The rule of ARE has a mistake that the course's conversation shows: it adds "or not" whatever the question ended with.

(Please tell me what's been bothering you.)

START

(ME = YOU)
(YOUR = MY)
(MYSELF = YOURSELF)
(YOURSELF = MYSELF)
(DONT = DON'T)

(NO
    ((0)
        (Why 'no' ?)
        (You are being a bit negative.)
        (Are you saying no just to be negative ?)))

(YES
    ((0)
        (You seem to be quite positive.)
        (You are sure.)
        (I see.)))

(ARE
    ((0 ARE I 0)
        (Why are you interested in whether I am 4 or not ?)
        (Would you prefer if I were not 4 ?)
        (Perhaps I am 4 in your fantasies.))
    ((0)
        (NEWKEY)))

(I = YOU
    ((0 YOU DON'T 0)
        (Don't you really 4 ?)
        (Why don't you 4 ?)
        (Do you wish to be able to 4 ?))
    ((0 YOU FEEL 0)
        (Tell me more about such feelings.)
        (Do you often feel 4 ?))
    ((0)
        (You say 1 ?)
        (Can you elaborate on that ?)))

(YOU = I
    ((0 I 0 YOU)
        (Why do you think I 3 you ?)
        (You like to think I 3 you - don't you ?))
    ((0 I 0)
        (We were discussing you - not me.)
        (Oh, I 3 ?)))

(MY = YOUR 2
    ((0 YOUR 0)
        (Your 3 ?)
        (Why do you say your 3 ?)))

(MEMORY MY
    (0 YOUR 0 = Let's discuss further why your 3)
    (0 YOUR 0 = Earlier you said your 3)
    (0 YOUR 0 = But your 3)
    (0 YOUR 0 = Does that have anything to do with the fact that your 3 ?))

(NONE
    ((0)
        (Tell me more about that.)
        (Does talking about this bother you ?)
        (I'm not sure I understand you fully.)
        (Do you feel strongly about discussing such things ?)
        (Please go on.)))

()
"""

COURSE_TALK = """\
Everything
Tell me more about that.
Everything bothers me lately
Does talking about this bother you ?
No, oddly enough
Why 'no' ?
It just doesn't
I'm not sure I understand you fully.
It doesn't bother me to talk about it
Do you feel strongly about discussing such things ?
I don't know, should I?
Don't you really know ?
Really I don't
Why don't you ?
Are you here to help me or not?
Why are you interested in whether I am here to help you or not or not ?
"""

TALKS = {"listener.script.txt": LISTENER_TALK, "course.script.txt": COURSE_TALK}  # by the name of the script's file
PUBLISHED = {"eliza": "CACM-1966-conversation.txt"}  # beside the script of a data set, where that holds it
