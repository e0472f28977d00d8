"""Images as models take them: the rules of image processors, the sizes that they give, and numbers of pixels."""
