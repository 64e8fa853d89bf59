"""What the home says aloud: greetings by name, through a program that speaks, to where it can be heard."""
