"""What the home does when something happens: rules that its owner wrote (`config/rules.yaml`)."""
